"""The vision transformer of DeiT (Touvron et al., ICML 2021) without distillation token. Tensor names and shapes are timm's,
so a state dict and a safetensors file of timm fit without a change.

Every pass takes `functions` (nonlinearities), a `probe` (quantisation) and a `policy`: (images, tokens) weights of the
tokens as attention sees them, 1 there and 0 gone, differentiable.
"""

import torch
from torch import nn

from .nonlinearities import EXACT
from .quantisation import apply_probe, linear


class Linear(nn.Linear):
    """nn.Linear, whose weight may have a difference of low rank, up @ down."""

    def __init__(self, inputs, outputs, bias=True):
        super().__init__(inputs, outputs, bias)
        self.up = self.down = None

    def add_difference(self, rank, generator=None):
        """A difference of zero that training can change. Its parameters."""
        down = torch.randn(rank, self.in_features, generator=generator) / self.in_features**0.5
        self.up, self.down = nn.Parameter(torch.zeros(self.out_features, rank)), nn.Parameter(down)
        return self.up, self.down

    @property
    def whole(self):
        return self.weight if self.up is None else self.weight + self.up.float() @ self.down.float()

    def forward(self, x):
        if self.up is None:
            return super().forward(x)
        with torch.autocast("cpu", enabled=False):  # a small product, which stays exact
            weight = self.whole
        return nn.functional.linear(x, weight, self.bias)


class Attention(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.heads, self.head_dim = config.heads, config.head_dim
        self.qkv = Linear(config.dim, 3 * config.dim, bias=config.qkv_bias)
        self.proj = Linear(config.dim, config.dim)
        self.cls_attention = None  # (images, tokens): of the last pass, mean over the heads; no gradient

    def forward(self, x, policy=None, functions=EXACT, probe=None, name="", queries=None):
        """`queries`: only the first so many rows of the result; None: all."""
        images, tokens, dim = x.shape
        qkv = linear(self.qkv, x, probe).reshape(images, tokens, 3, self.heads, self.head_dim).permute(2, 0, 3, 1, 4)
        q, k, v = (apply_probe(probe, name + part, tensor) for part, tensor in zip("qkv", qkv.unbind(0)))
        scores = (q[:, :, :queries] * self.head_dim**-0.5) @ k.transpose(-2, -1)
        scores = apply_probe(probe, name + "scores", scores)
        columns = None if policy is None else policy[:, None, None, :]
        probabilities = functions.attention_softmax(scores, columns)
        self.cls_attention = probabilities[:, :, 0].detach().mean(1)
        probabilities = apply_probe(probe, name + "probabilities", probabilities)
        mixed = (probabilities @ v).transpose(1, 2).reshape(images, -1, dim)
        return linear(self.proj, apply_probe(probe, name + "proj.in", mixed), probe)


class Mlp(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.fc1 = Linear(config.dim, config.hidden)
        self.fc2 = Linear(config.hidden, config.dim)

    def forward(self, x, functions=EXACT, probe=None, name=""):
        hidden = apply_probe(probe, name + "pre_gelu", linear(self.fc1, x, probe))
        return linear(self.fc2, apply_probe(probe, name + "fc2.in", functions.gelu(hidden)), probe)


class Block(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.norm1 = nn.LayerNorm(config.dim, eps=config.ln_eps)
        self.attn = Attention(config)
        self.norm2 = nn.LayerNorm(config.dim, eps=config.ln_eps)
        self.mlp = Mlp(config)

    def forward(self, x, policy=None, functions=EXACT, probe=None, name="", queries=None):
        """`name`: of the block in tensor names, "block.3.". The residual stream leaves after each branch."""
        branch = self.attn(apply_probe(probe, name + "qkv.in", self.norm1(x)), policy, functions, probe, name, queries)
        x = apply_probe(probe, "residual", x[:, :queries] + branch)
        branch = self.mlp(apply_probe(probe, name + "fc1.in", self.norm2(x)), functions, probe, name)
        return apply_probe(probe, "residual", x + branch)


class PatchEmbed(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.proj = nn.Conv2d(3, config.dim, config.patch, config.patch)

    def forward(self, images, probe=None):
        weight = self.proj.weight
        if getattr(probe, "quantizes_weights", False):
            from .quantisation import quantized_weight

            weight = quantized_weight(weight)
        x = nn.functional.conv2d(images, weight, self.proj.bias, self.proj.stride)
        return x.flatten(2).transpose(1, 2)


class VisionTransformer(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.cls_token = nn.Parameter(torch.zeros(1, 1, config.dim))
        self.pos_embed = nn.Parameter(torch.zeros(1, config.tokens, config.dim))
        self.patch_embed = PatchEmbed(config)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.depth))
        self.norm = nn.LayerNorm(config.dim, eps=config.ln_eps)
        self.head = nn.Linear(config.dim, config.classes)
        self.apply(_initialise)
        nn.init.trunc_normal_(self.cls_token, std=0.02)
        nn.init.trunc_normal_(self.pos_embed, std=0.02)

    def embed(self, images, probe=None):
        """images: (images, 3, size, size), normalised. Returns (images, tokens, dim), CLS first."""
        patches = self.patch_embed(images, probe)
        x = torch.cat((self.cls_token.expand(len(images), -1, -1), patches), 1) + self.pos_embed
        return apply_probe(probe, "residual", x)

    def block(self, number, x, policy=None, functions=EXACT, probe=None, queries=None):
        """Block `number`, counting from 1."""
        return self.blocks[number - 1](x, policy, functions, probe, f"block.{number}.", queries)

    def features(self, x, probe=None):
        """The CLS row after the last LayerNorm: (images, dim)."""
        return apply_probe(probe, "head.in", self.norm(x[:, 0]))

    def forward(self, images, functions=EXACT, probe=None):
        """Logits, unpruned."""
        x = self.embed(images, probe)
        for number in range(1, self.config.depth + 1):
            x = self.block(number, x, None, functions, probe)
        return linear(self.head, self.features(x, probe), probe)


def _initialise(module):
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
