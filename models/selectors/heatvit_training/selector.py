"""The attention-based multi-head token selector and the package token: docs/numerics.md section 8, in float.

Rows of the residual stream: CLS, patches, package token. Tensor names of the parameters: models/selectors/README.md.
"""

import torch
from torch import nn

from .nonlinearities import POLYNOMIAL
from .quantisation import apply_probe, linear

HALVES = torch.tensor([0.5, -0.5])  # of a shift: the keep logit goes up, the drop logit down
THRESHOLD = 32768 / 65535  # the hardware's 0.5


class TokenSelector(nn.Module):
    """Keep score of every row, in [0, 1]. The three MLPs are shared by the heads."""

    def __init__(self, config):
        super().__init__()
        self.heads = config.heads
        d, hidden = config.head_dim, max(1, config.heads // 2)
        self.norm = nn.LayerNorm(d, eps=config.ln_eps)
        self.local = nn.Linear(d, d // 2)
        self.mlp1 = nn.Linear(d, d // 2)
        self.mlp2 = nn.Linear(d // 2, d // 4)
        self.keep = nn.Linear(d // 4, 2)  # row 0 keep, row 1 drop
        self.head1 = nn.Linear(config.heads, hidden)
        self.head2 = nn.Linear(hidden, config.heads)

    def forward(self, x, candidates, functions=POLYNOMIAL, probe=None, name=""):
        """x: (images, rows, dim). candidates: (images, rows), 1 where a row is a patch that is still there, 0 for CLS,
        package and what is gone: over them runs the mean of the local features. name: "selector.1.". Returns
        (images, rows)."""
        logits, head = self.parts(x, candidates, functions, probe, name)
        return self.combined(logits, head, functions)

    @staticmethod
    def combined(logits, head, functions=POLYNOMIAL, shift=0.0):
        """The scores of what parts() gives. shift: added to every keep logit."""
        keep = functions.softmax(logits + shift * HALVES)[..., 0]
        return (keep * head).sum(-1) / head.sum(-1).clamp(min=1e-6)

    def parts(self, x, candidates, functions=POLYNOMIAL, probe=None, name=""):
        """The logits of keep and drop of every head (images, rows, heads, 2), and the heads' weights."""
        images, rows, dim = x.shape
        per_head = x.reshape(images, rows, self.heads, dim // self.heads)
        normed = apply_probe(probe, name + "local.in", self.norm(per_head))
        local = functions.gelu(apply_probe(probe, name + "local.pre_gelu", linear(self.local, normed, probe)))
        weight = candidates.detach()[:, :, None, None]
        z = apply_probe(probe, name + "mlp1.in", self._features(local, weight))
        hidden = functions.gelu(apply_probe(probe, name + "mlp1.pre_gelu", linear(self.mlp1, z, probe)))
        hidden = apply_probe(probe, name + "mlp2.in", hidden)
        hidden = functions.gelu(apply_probe(probe, name + "mlp2.pre_gelu", linear(self.mlp2, hidden, probe)))
        logits = linear(self.keep, apply_probe(probe, name + "keep.in", hidden), probe)
        logits = apply_probe(probe, name + "keep.out", logits)
        return logits, self._head_weights(per_head, functions, probe, name)

    def _features(self, local, weight):
        """(local | global)."""
        mean = (local * weight).sum(1, keepdim=True) / weight.sum(1, keepdim=True).clamp(min=1.0)
        return torch.cat((local, mean.expand_as(local)), -1)

    def _head_weights(self, per_head, functions, probe, name):
        mean = apply_probe(probe, name + "head1.in", per_head.mean(-1))
        hidden = functions.gelu(apply_probe(probe, name + "head1.pre_gelu", linear(self.head1, mean, probe)))
        logits = linear(self.head2, apply_probe(probe, name + "head2.in", hidden), probe)
        return apply_probe(probe, name + "weight", functions.sigmoid(apply_probe(probe, name + "head2.out", logits)))

    def shift(self, amount):
        """Moves the keep logit of every token by `amount` against the drop logit: more tokens for a positive one."""
        with torch.no_grad():
            self.keep.bias += HALVES * amount


class DynamicPredictor(TokenSelector):
    """DynamicViT's predictor (Rao et al., NeurIPS 2021): one head; half of the channels are a token's own, the other half the
    mean over the candidates; no weights of heads. The same chain of layers otherwise."""

    def __init__(self, config):
        nn.Module.__init__(self)
        dim = config.dim
        self.heads = 1
        self.norm = nn.LayerNorm(dim, eps=config.ln_eps)
        self.local = nn.Linear(dim, dim)
        self.mlp1 = nn.Linear(dim, dim // 2)
        self.mlp2 = nn.Linear(dim // 2, dim // 4)
        self.keep = nn.Linear(dim // 4, 2)

    def _features(self, local, weight):
        own, shared = local.chunk(2, -1)
        mean = (shared * weight).sum(1, keepdim=True) / weight.sum(1, keepdim=True).clamp(min=1.0)
        return torch.cat((own, mean.expand_as(own)), -1)

    def _head_weights(self, per_head, functions, probe, name):
        return per_head.new_ones(per_head.shape[:-1])


PREDICTORS = {"heatvit": TokenSelector, "dynamicvit": DynamicPredictor}


def threshold(score):
    """Evaluation: 1.0 where the hardware keeps a token."""
    return (score >= THRESHOLD).to(score.dtype)


def logit_of(score):
    score = score.clamp(1e-4, 1 - 1e-4)
    return torch.log(score) - torch.log1p(-score)


def logistic(shape, generator=None):
    """The difference of two Gumbel variables."""
    uniform = torch.rand(shape, generator=generator).clamp(1e-6, 1 - 1e-6)
    return torch.log(uniform) - torch.log1p(-uniform)


def gumbel_keep(score, temperature=1.0, noise=1.0, generator=None):
    """Training: a keep decision of 0 or 1, with the gradient of its relaxation (Gumbel-softmax over keep and drop).

    The difference of two Gumbel variables is logistic. noise 0: the decision of the threshold.
    """
    logit = logit_of(score)
    if noise > 0:
        logit = logit + noise * logistic(score.shape, generator)
    soft = torch.sigmoid(logit / temperature)
    hard = (logit >= 0).to(score.dtype)
    return hard + soft - soft.detach()


def package_token(x, score, packaged):
    """The mean of the packaged rows, weighted by their scores (the plain mean where these are all zero).

    x: (images, rows, dim); score, packaged: (images, rows), packaged 1 for a dropped patch and an earlier package token.
    Returns the token (images, 1, dim) and whether there is one (images, 1).
    """
    weight = packaged * score
    total = weight.sum(1, keepdim=True)
    weight = torch.where(total.detach() > 1e-6, weight, packaged)
    token = (weight[:, :, None] * x).sum(1, keepdim=True) / weight.sum(1)[:, None, None].clamp(min=1e-6)
    return token, (packaged.detach().sum(1, keepdim=True) > 0.5).to(x.dtype)


def shift_to_share(selector, share_kept, target, steps=14, reach=16.0):
    """Shifts a selector until share_kept() (of the candidates, by the threshold) is `target`, by bisection."""
    low, high, at = -reach, reach, 0.0
    for _ in range(steps):
        middle = (low + high) / 2
        selector.shift(middle - at)
        at = middle
        if share_kept() < target:
            low = middle
        else:
            high = middle
    return at
