"""Token merging (ToMe: Bolya et al., ICLR 2023) on the float network, for comparison. The hardware's is `run_sim --scorer tome`.

In each block, between attention and MLP, `merged` patch tokens are averaged into their most similar partner: rows alternate
between two sets, each row of the first is matched to the row of the second with the most similar key (cosine, mean over the
heads), and the best-matched rows are merged. A token that stands for n patches counts n-fold in attention.
"""

import torch


def match(keys, merged):
    """keys: (images, rows, d), CLS first. Returns (rows of the first set that stay, that go, and where they go)."""
    keys = keys / keys.norm(dim=-1, keepdim=True).clamp(min=1e-6)
    first, second = keys[:, ::2], keys[:, 1::2]
    similarity = first @ second.transpose(1, 2)
    similarity[:, 0] = -2.0  # CLS is never merged
    best, partner = similarity.max(-1)
    order = best.argsort(1, descending=True)
    go, stay = order[:, :merged], order[:, merged:].sort(1).values
    return stay, go, partner.gather(1, go)


def merge(x, size, stay, go, partner):
    """The rows after merging, means weighted by size; and their sizes. x: (images, rows, dim); size: (images, rows, 1)."""

    def apply(values):
        first, second = values[:, ::2], values[:, 1::2].clone()
        width = values.shape[-1]
        source = first.gather(1, go[:, :, None].expand(-1, -1, width))
        second.scatter_add_(1, partner[:, :, None].expand(-1, -1, width), source)
        return torch.cat((first.gather(1, stay[:, :, None].expand(-1, -1, width)), second), 1)

    total = apply(size)
    return apply(x * size) / total, total


@torch.no_grad()
def run(backbone, images, merged):
    """Logits, and rows entering each block's MLP; `merged` rows go in each block."""
    x = backbone.embed(images)
    size = x.new_ones(*x.shape[:2], 1)
    rows = []
    for block in backbone.blocks:
        normed = block.norm1(x)
        attention = block.attn
        shape = (len(x), x.shape[1], 3, attention.heads, attention.head_dim)
        q, k, v = attention.qkv(normed).reshape(shape).permute(2, 0, 3, 1, 4)
        scores = (q * attention.head_dim**-0.5) @ k.transpose(-2, -1) + size.log()[:, None, :, 0][:, :, None]
        mixed = (scores.softmax(-1) @ v).transpose(1, 2).reshape(x.shape)
        x = x + attention.proj(mixed)
        count = min(merged, (x.shape[1] - 1) // 2)
        if count > 0:
            x, size = merge(x, size, *match(k.mean(1), count))
        rows.append(x.shape[1])
        x = x + block.mlp(block.norm2(x))
    return backbone.head(backbone.norm(x[:, 0])), rows
