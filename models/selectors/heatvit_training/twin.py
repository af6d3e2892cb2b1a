"""The integers of the hardware in PyTorch: docs/numerics.md written out once more, for an 8-bit DeiT and its selectors.

Twin(path) reads a model of `run_sim quantize`; run(image) gives the logits and the tokens kept of the simulator, exactly.
Matrix products run in float32 or float64, which hold every sum of int8 products exactly (checked against the layer's width);
everything else is int64.
"""

import json

import numpy
import torch

from .tensors import read_safetensors

UNIT = 32768  # 1.0 in Q15


def round_shift(value, shift):
    """value / 2^shift, rounded half away from zero."""
    return (value + (1 << (shift - 1)) + (value >> 63)) >> shift


def div_round(a, b):
    """a / b for b > 0, rounded half away from zero."""
    magnitude = torch.div(a.abs() + torch.div(b, 2, rounding_mode="floor"), b, rounding_mode="floor")
    return torch.where(a < 0, -magnitude, magnitude)


def saturate(value, bits):
    return value.clamp(-(1 << (bits - 1)), (1 << (bits - 1)) - 1)


def product(a, b):
    """sum_k a[..., k] b[..., n, k], exact; a of 8 bits, b a weight or an activation that is at most 128."""
    exact_in_float32 = a.shape[-1] * 128 * int(a.abs().max()) < 2**24
    real = torch.float32 if exact_in_float32 else torch.float64
    return (a.to(real) @ b.to(real).transpose(-2, -1)).to(torch.int64)


def gelu(x, delta1, requant):
    u = ((x.abs() * 46341) >> 12).clamp(max=28983)
    t = 28983 - u
    erf = 32768 - ((t * t * 18927 + (1 << 28)) >> 29)
    e = (delta1 * erf + (1 << 14)) >> 15
    g = round_shift(x * (UNIT + torch.where(x >= 0, e, -e)), 14)
    return saturate(round_shift(g * requant[0], requant[1]), 8)


def softmax(x, delta2, top, sizes=1):
    """top: 255 or 65535, the integer of probability 1. sizes: how often a token counts (ToMe)."""
    d = x.amax(-1, keepdim=True) - x
    z = (d * 94548) >> 24
    t = 88670 - ((d << 8) - z * 45426)
    p = ((((t * t) >> 8) * 23495) >> 16) + 5771362
    e = torch.where(z > 31, torch.zeros_like(p), p >> z.clamp(max=31)) * sizes
    inverse = torch.div(torch.tensor(1 << 54), e.sum(-1, keepdim=True), rounding_mode="floor")
    scaled = (((e * inverse) >> 22) * delta2) >> 15
    return ((scaled * top + (1 << 31)) >> 32).clamp(max=top)


def sigmoid(x):
    a = x.abs()
    y = torch.where(a >= 4096, 2 * a + 40960, 4 * a + 32768)
    y = torch.where(a >= 9728, (a >> 1) + 55296, y)
    y = torch.where(a >= 20480, torch.full_like(y, 65536), y)
    return torch.where(x < 0, 65536 - y, y).clamp(max=65535)


def _reciprocal_root(variance):
    """(inv, h) of section 7 for one row's n^2 times variance: needs 64 unsigned bits, so Python's integers."""
    import math

    h = min(62, (64 - variance.bit_length()) // 2 * 2)
    return (1 << 63) // math.isqrt(variance << h), h


class Norm:
    def __init__(self, gamma, beta, epsilon, shift):
        self.gamma, self.beta, self.epsilon, self.shift = gamma, beta, epsilon, shift

    @classmethod
    def of_file(cls, arrays, metadata, name):
        return cls(*(torch.from_numpy(arrays[name + part].astype("int64")) for part in (".gamma", ".beta")),
                   *(int(word) for word in metadata[name + ".epsilon_shift"].split()))

    def __call__(self, x):
        """x: (..., n)."""
        n = x.shape[-1]
        total, squares = x.sum(-1), (x * x).sum(-1)
        variance = (n * squares - total * total + self.epsilon).flatten().tolist()
        pairs = [_reciprocal_root(value) for value in variance]
        inverse = torch.tensor([pair[0] for pair in pairs]).reshape(*x.shape[:-1], 1)
        shift = torch.tensor([63 - pair[1] // 2 - 12 for pair in pairs]).reshape(*x.shape[:-1], 1)
        centred = (n * x - total.unsqueeze(-1)) * inverse
        half = torch.ones_like(shift) << (shift - 1)
        normalised = (centred + half + (centred >> 63)) >> shift
        return saturate(round_shift(normalised * self.gamma + self.beta, self.shift), 8)


def similarity_scale(dim):
    """2^4 / dim, which makes the product of two normalised keys a correlation in Q14, as (multiplier, shift), the largest
    multiplier of 16 bits (section 8, ToMe)."""
    pairs = [(((1 << (shift + 4)) + dim // 2) // dim, shift) for shift in range(1, 63)]
    return max(pair for pair in pairs if pair[0] <= 65535)


class Linear:
    def __init__(self, arrays, _, name):
        def load(part):
            return torch.from_numpy(arrays[name + part].astype("int64"))

        self.weight, self.bias = load(".weight"), load(".bias")
        self.multiplier, self.shift = load(".multiplier"), load(".shift")
        self.half = torch.ones_like(self.shift) << (self.shift - 1)

    def __call__(self, x):
        """Requantised, not yet saturated."""
        value = (product(x, self.weight) + self.bias) * self.multiplier
        return (value + self.half + (value >> 63)) >> self.shift


class Twin:
    """`patch`: of the network, pixels. Heads and depth come from the file."""

    BLOCK_LINEAR = ("qkv", "proj", "fc1", "fc2")
    SELECTOR_LINEAR = ("local", "mlp1", "mlp2", "keep", "head1", "head2")

    def __init__(self, path, heads, selectors=(4, 7, 10), patch=16):
        arrays, metadata = read_safetensors(path)
        self.heads, self.positions, self.patch = heads, tuple(selectors), patch
        self.delta1, self.delta2 = (int(metadata[f"heatvit.delta{i}_q15"]) for i in (1, 2))
        self.residual_bits = int(metadata["heatvit.residual_bits"])
        self.metadata = metadata
        self.dynamicvit = metadata.get("heatvit.predictor") == "dynamicvit"

        def layer(kind, name):
            return kind(arrays, metadata, name)

        self.embed, self.norm, self.head = layer(Linear, "embed"), layer(Norm.of_file, "norm"), layer(Linear, "head")
        self.cls = torch.from_numpy(arrays["cls"].astype("int64"))
        self.position = torch.from_numpy(arrays["position"].astype("int64")).reshape(-1, len(self.cls))
        self.blocks, self.selectors = [], []
        while f"block.{len(self.blocks) + 1}.norm1.gamma" in arrays:
            name = f"block.{len(self.blocks) + 1}."
            parts = {part: layer(Linear, name + part) for part in self.BLOCK_LINEAR}
            parts.update({part: layer(Norm.of_file, name + part) for part in ("norm1", "norm2")})
            parts.update({part: self._requant(name + part) for part in ("scores", "attend", "gelu")})
            self.blocks.append(parts)
        for stage in range(int(metadata["heatvit.selectors"])):
            name = f"selector.{stage + 1}."
            linear = self.SELECTOR_LINEAR[:4] if self.dynamicvit else self.SELECTOR_LINEAR
            parts = {part: layer(Linear, name + part) for part in linear}
            parts["norm"] = layer(Norm.of_file, name + "norm")
            gelus = ("local_gelu", "mlp1_gelu", "mlp2_gelu", "head1_gelu", "head_mean")
            parts.update({part: self._requant(name + part) for part in (gelus[:3] if self.dynamicvit else gelus)})
            self.selectors.append(parts)

    def _requant(self, name):
        multiplier, shift = (int(word) for word in self.metadata[name].split())
        return multiplier, shift

    def run(self, pixels, prune=True, evit=None, with_package=True, tome=None):
        """pixels: (size, size, 3) uint8. Returns logits (Q16), kept patch indices after each selector, tokens by block.

        evit, tome: tokens that EViT keeps, that merging leaves in the blocks of the selectors, which do nothing then. with_package:
        HeatViT's selectors leave a package token; DynamicViT's predictors never do.
        """
        size, patch = pixels.shape[0], self.patch
        grid = size // patch
        squares = torch.from_numpy(numpy.ascontiguousarray(pixels).astype("int64") - 128)
        squares = squares.reshape(grid, patch, grid, patch, 3).permute(0, 2, 1, 3, 4).reshape(grid * grid, -1)
        x = saturate(self.embed(squares) + self.position, self.residual_bits)
        x = torch.cat((self.cls[None], x))
        patches, package, kept, tokens = torch.arange(grid * grid), False, [], []
        sizes = 1 if tome is None else torch.ones(len(x), dtype=torch.int64)
        for number, block in enumerate(self.blocks, 1):
            if prune and evit is None and tome is None and self.selectors and number in self.positions:
                x, patches, package = self._select(
                    self.positions.index(number), x, patches, with_package and not self.dynamicvit)
                kept.append(patches.tolist())
            tokens.append(len(x))
            x, attention, keys = self._attention(block, x, sizes)
            if tome is not None and number in self.positions:
                x, patches, sizes = self._merge(tome[len(kept)], x, patches, keys, sizes)
                kept.append(patches.tolist())
            if evit is not None and number in self.positions:
                if package:  # the fused token of the one before
                    patches = torch.cat((patches, torch.tensor([grid * grid + len(kept) - 1])))
                x, patches, package = self._fuse(evit[len(kept)], x, patches, attention)
                kept.append(patches.tolist())
            x = self._mlp(block, x)
        return saturate(self.head(self.norm(x[:1]))[0], 32), kept, tokens

    def _attention(self, block, x, sizes):
        """The residual stream behind it; the class token's attention in 1/65535, summed over the heads; K, heads side by side."""
        tokens, dim = x.shape
        qkv = saturate(block["qkv"](block["norm1"](x)), 8)
        q, k, v = qkv.reshape(tokens, 3, self.heads, dim // self.heads).permute(1, 2, 0, 3)
        multiplier, shift = block["scores"]
        scores = saturate(round_shift(product(q, k) * multiplier, shift), 16)
        mixed = product(softmax(scores, self.delta2, 255, sizes), v.transpose(-2, -1))
        multiplier, shift = block["attend"]
        mixed = saturate(round_shift(mixed * multiplier, shift), 8).permute(1, 0, 2).reshape(tokens, dim)
        seen = softmax(scores[:, 0], self.delta2, 65535).sum(0)
        return saturate(block["proj"](mixed) + x, self.residual_bits), seen, qkv[:, dim : 2 * dim]

    @staticmethod
    def _merge(keep, x, patches, keys, sizes):
        """ToMe: of every other token those that are most similar to one of the others go into it."""
        count, dim = len(patches), keys.shape[1]
        if keep == count:
            return x, patches, sizes
        norm = Norm(torch.ones(dim, dtype=torch.int64), torch.zeros(dim, dtype=torch.int64), 1, 7)
        normed = norm(keys)[1:]
        multiplier, shift = similarity_scale(dim)
        similar = saturate(round_shift(product(normed[::2], normed[1::2]) * multiplier, shift), 16)
        scores = torch.full((count,), 65536, dtype=torch.int64)
        scores[::2] = 32767 - similar.amax(1)
        stay = scores.argsort(descending=True, stable=True)[:keep].sort().values
        goes = torch.ones(count, dtype=torch.bool)
        goes[stay] = False
        partners = (2 * similar.argmax(1) + 1).repeat_interleave(2)[:count]  # the first of equals
        into = torch.where(goes, partners, torch.arange(count))
        total = torch.zeros(count, dtype=torch.int64).index_add(0, into, sizes[1:])
        summed = torch.zeros_like(x[1:]).index_add(0, into, sizes[1:, None] * x[1:])
        means = saturate(div_round(summed[stay], total[stay, None]), 16)
        return torch.cat((x[:1], means)), patches[stay], torch.cat((sizes[:1], total[stay]))

    def _fuse(self, keep, x, patches, attention):
        """EViT: the `keep` tokens that the class token sees best, and the sum of the others, each times its attention."""
        order = attention[1:].argsort(descending=True, stable=True)
        stay, gone = order[:keep].sort().values, order[keep:]
        parts = [x[:1], x[stay + 1]]
        if len(gone):
            total = (attention[gone + 1, None] * x[gone + 1]).sum(0)
            parts.append(saturate(div_round(total, torch.tensor(self.heads * 65535)), self.residual_bits)[None])
        return torch.cat(parts), patches[stay], len(gone) > 0

    def _mlp(self, block, x):
        hidden = gelu(saturate(block["fc1"](block["norm2"](x)), 16), self.delta1, block["gelu"])
        return saturate(block["fc2"](hidden) + x, self.residual_bits)

    def scores(self, stage, x, candidates):
        """Keep scores of all rows, 0..65535; rows 1..candidates are the patches."""
        s, (tokens, dim) = self.selectors[stage], x.shape
        heads = 1 if self.dynamicvit else self.heads
        per_head = x.reshape(tokens, heads, dim // heads)

        def activate(layer, gelu_name, value):
            return gelu(saturate(s[layer](value), 16), self.delta1, s[gelu_name])

        local = activate("local", "local_gelu", s["norm"](per_head))
        local, shared = local.chunk(2, -1) if self.dynamicvit else (local, local)
        total = shared[1 : 1 + candidates].sum(0)
        mean = saturate(div_round(total, torch.tensor(max(candidates, 1))), 8) * (candidates > 0)
        z = torch.cat((local, mean.expand_as(local)), -1)
        hidden = activate("mlp2", "mlp2_gelu", activate("mlp1", "mlp1_gelu", z))
        keep = softmax(saturate(s["keep"](hidden), 16), UNIT, 65535)[..., 0]
        if self.dynamicvit:
            return keep[:, 0]
        multiplier, shift = s["head_mean"]
        means = saturate(round_shift(per_head.sum(-1) * multiplier, shift), 8)
        head = sigmoid(saturate(s["head2"](activate("head1", "head1_gelu", means)), 16))
        weights = head.sum(-1)
        score = torch.div((keep * head).sum(-1), weights.clamp(min=1), rounding_mode="floor")
        return torch.where(weights == 0, torch.zeros_like(score), score)

    def _select(self, stage, x, patches, with_package):
        count = len(patches)
        score = self.scores(stage, x, count)
        stay = torch.nonzero(score[1 : 1 + count] >= 32768)[:, 0]
        rows = torch.cat((torch.zeros(1, dtype=torch.long), stay + 1))
        gone = torch.ones(len(x), dtype=torch.bool)
        gone[rows] = False
        parts = [x[rows]]
        if not with_package:
            return x[rows], patches[stay], False
        if bool(gone.any()):
            weight = score[gone]
            if int(weight.sum()) == 0:
                weight = torch.ones_like(weight)
            parts.append(div_round((weight[:, None] * x[gone]).sum(0), weight.sum())[None])
        return torch.cat(parts), patches[stay], bool(gone.any())


def kept_of_report(path):
    """[(file, kept lists, best class)] of `run_sim --json`."""
    with open(path, encoding="utf-8") as file:
        return [(i["file"], i["kept"], i["top5"][0]["class"]) for i in json.load(file)["images"]]
