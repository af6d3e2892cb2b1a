"""Latency of a pruned network as a differentiable function of its keep ratios, from a table of `run_sim table`.

    from heatvit_training.latency_table import LatencyTable
    table = LatencyTable("deit-s.json")
    keep = torch.tensor([0.7, 0.49, 0.343], requires_grad=True)   # expected share of the patches after each selector
    table(keep).backward()                                        # milliseconds; keep.grad: milliseconds per unit of ratio

Each part of the network (block, selector, head) is piecewise linear in the token count, through the table's entries, so the
result is continuous, and differentiable everywhere but at the entries, where the slope to the right is used. Between the
entries' ends and beyond them the outermost value holds, with slope zero.
"""

import csv
import json

import torch

PARTS = ("block", "block_after_selector", "block_before_selector", "selector_keeping_none", "selector_keeping_all", "embedding", "head")


def _read_json(path):
    with open(path, encoding="utf-8") as file:
        table = json.load(file)
    if table.get("schema") != "heatvit-sim/latency-table/2":
        raise ValueError(f"{path}: not a latency table of run_sim")
    return {key: table[key] for key in ("depth", "selectors", "patches")}, table["rows"]


def _read_csv(path):
    with open(path, encoding="utf-8", newline="") as file:
        lines = file.read().splitlines()
    if not lines or not lines[0].startswith("# heatvit-sim/latency-table/2"):
        raise ValueError(f"{path}: not a latency table of run_sim")
    words = next(line for line in lines if line.startswith("# model")).split()
    names = words.index("selectors"), words.index("scorer")
    rows = list(csv.DictReader(line for line in lines if not line.startswith("#")))
    model = {
        "depth": int(words[words.index("depth") + 1]),
        "selectors": [int(w) for w in words[names[0] + 1 : names[1]]],
        "patches": max(int(row["tokens"]) for row in rows) - 1,  # a table always has the unpruned network
    }
    return model, rows


class LatencyTable(torch.nn.Module):
    """Latency in milliseconds of a vector of keep ratios. Tables are buffers: they move with .to() and are not trained."""

    def __init__(self, path, selectors=None):
        """`selectors`: before these blocks, counting from 1; default: the model's own positions."""
        super().__init__()
        model, rows = (_read_csv if str(path).endswith(".csv") else _read_json)(path)
        self.depth, self.patches = model["depth"], model["patches"]
        self.selectors = tuple(model["selectors"] if selectors is None else selectors)
        if list(self.selectors) != sorted(set(self.selectors)) or not all(1 <= s <= self.depth for s in self.selectors):
            raise ValueError(f"selector positions must rise within 1..{self.depth}, got {self.selectors}")
        self.register_buffer("tokens", torch.tensor([float(row["tokens"]) for row in rows], dtype=torch.float64))
        for part in PARTS:
            self.register_buffer(part, torch.tensor([float(row[part + "_ms"]) for row in rows], dtype=torch.float64))

    def _at(self, part, tokens):
        """The part's latency, linear between the entries around `tokens`."""
        values = getattr(self, part)
        if len(values) == 1:
            return values[0] + 0 * tokens
        at = tokens.clamp(float(self.tokens[0]), float(self.tokens[-1]))
        right = torch.searchsorted(self.tokens, at.detach().contiguous(), right=True).clamp(1, len(values) - 1)
        low, high = self.tokens[right - 1], self.tokens[right]
        share = (at - low) / (high - low)
        return values[right - 1] + share * (values[right] - values[right - 1])

    def tokens_of(self, keep_ratio):
        """Rows after a selector: CLS, the kept patches and, unless all were kept, the package token.

        The package token is there as soon as one patch is gone; the ramp over that last patch keeps this continuous.
        """
        kept = self.patches * keep_ratio
        return 1 + kept + (self.patches - kept).clamp(0, 1)

    def _selector(self, tokens, after):
        share = ((after - 2) / (tokens - 2).clamp(min=1e-9)).clamp(0, 1)
        none, everything = self._at("selector_keeping_none", tokens), self._at("selector_keeping_all", tokens)
        return none + share * (everything - none)

    def _block(self, block, tokens):
        """A block is longer behind a selector or the embedding, and another one again before a selector."""
        inner = self._at("block", tokens)
        latency = inner
        if block == 1 or block in self.selectors:
            latency = latency + self._at("block_after_selector", tokens) - inner
        if block + 1 in self.selectors:
            latency = latency + self._at("block_before_selector", tokens) - inner
        return latency

    def of_blocks(self, tokens):
        """Milliseconds of a network without selectors whose blocks work on these numbers of rows."""
        rows = [torch.tensor(float(count), dtype=torch.float64) for count in tokens]
        first = torch.tensor(float(self.patches + 1), dtype=torch.float64)
        blocks = self._at("block_after_selector", rows[0]) + sum(self._at("block", r) for r in rows[1:])
        return float(self._at("embedding", first) + blocks + self._at("head", rows[-1]))

    def expect_below_dense(self, target_ms):
        """A target that the network meets without pruning, or none at all, is refused."""
        dense = self.of_blocks([self.patches + 1] * self.depth)
        if not 0 < target_ms < dense:
            raise ValueError(f"--target-ms {target_ms:g}: less than the {dense:.3f} ms of the unpruned network is needed")

    def forward(self, keep_ratios):
        """keep_ratios: (..., selectors), cumulative, in [0, 1], not rising. Returns (...) in milliseconds, float64."""
        if keep_ratios.shape[-1] != len(self.selectors):
            raise ValueError(f"{len(self.selectors)} keep ratios are needed, got {keep_ratios.shape[-1]}")
        ratios = keep_ratios.to(torch.float64)
        every = float(self.patches + 1)
        tokens = torch.full_like(ratios[..., 0], every) if self.selectors else ratios.new_tensor(every)
        latency = self._at("embedding", tokens)
        for block in range(1, self.depth + 1):
            if block in self.selectors:
                after = self.tokens_of(ratios[..., self.selectors.index(block)])
                latency = latency + self._selector(tokens, after)
                tokens = after
            latency = latency + self._block(block, tokens)
        return latency + self._at("head", tokens)
