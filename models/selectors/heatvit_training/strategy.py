"""The latency-aware multi-stage strategy: where selectors stand and how much each prunes, for a latency (docs/training.md).

Selectors are inserted from the last candidate block towards the first. Each takes the keep ratio at which divergence from the
unpruned network plus price times latency is least; one that pays at no ratio is left out. The price grows until the latency is
met. Then selectors are taken out again as long as the rest reaches the latency at a lower divergence.
"""

from dataclasses import dataclass, field

import torch

from . import losses
from .latency_table import LatencyTable
from .selector import shift_to_share


@dataclass
class Plan:
    ratios: dict = field(default_factory=dict)  # block -> cumulative keep ratio, rising blocks, not rising ratios
    divergence: float = 0.0  # from the unpruned network
    ms: float = 0.0
    log: list = field(default_factory=list)

    @property
    def positions(self):
        return tuple(sorted(self.ratios))


class Placement:
    """A PrunedViT with a (warm-started) selector at every candidate block, any of which can be switched on.

    cache: crops on which the cost of pruning is measured; table: path of a latency table.
    """

    def __init__(self, model, cache, table, batch=16):
        self.model, self.cache, self.table, self.batch = model, cache, table, batch
        self.candidates = model.config.selectors
        self.measured = {}

    def ms(self, ratios):
        positions = sorted(ratios)
        table = LatencyTable(self.table, positions)
        return float(table(torch.tensor([ratios[p] for p in positions], dtype=torch.float64)))

    @torch.no_grad()
    def divergence(self, ratios):
        """Mean over the crops, with the best-scored share of all tokens of a batch kept: images may differ."""
        key = tuple(sorted(ratios.items()))
        if key in self.measured:
            return self.measured[key]
        total = 0.0
        for start in range(0, len(self.cache), self.batch):
            rows = slice(start, min(start + self.batch, len(self.cache)))
            output = self.model.from_prefix(self.cache.prefix[rows].float(), scorer=self._scorer(ratios))
            total += float(losses.distillation(output.logits, self.cache.logits[rows])) * len(output.logits)
        self.measured[key] = total / len(self.cache)
        return self.measured[key]

    def _scorer(self, ratios):
        def decide(stage, x, candidates, mask):
            block = self.candidates[stage]
            if block not in ratios:
                return mask, x.new_ones(x.shape[:2])
            score = self.model.selectors[stage](x, candidates, self.model.selector_functions)
            patches = score[:, 1 : 1 + mask.shape[1]].masked_fill(mask < 0.5, -1.0)
            count = min(round(ratios[block] * mask.numel()), int(mask.sum()))
            level = patches.flatten().topk(max(count, 1)).values[-1]
            return mask * (patches >= level).to(mask.dtype), score

        return decide

    def plan(self, ratios, log):
        return Plan(dict(ratios), self.divergence(ratios), self.ms(ratios), log)


def with_stage(ratios, block, ratio):
    """`ratios` with one more stage; the later ones keep no more than it."""
    return {block: ratio, **{later: min(value, ratio) for later, value in ratios.items()}}


def scaled(ratios, factor):
    return {block: max(0.02, 1 - (1 - ratio) * factor) for block, ratio in ratios.items()}


def fit_latency(placement, ratios, target_ms):
    """The ratios with all pruning scaled by one factor, so that the table says target_ms. None: not even at the strongest."""
    low, high = 0.0, 4.0
    if placement.ms(scaled(ratios, high)) > target_ms:
        return None
    for _ in range(24):
        middle = (low + high) / 2
        low, high = (middle, high) if placement.ms(scaled(ratios, middle)) > target_ms else (low, middle)
    return scaled(ratios, high)


def insert_backwards(placement, price, target_ms, steps, log):
    """One pass from the last candidate to the first. `price`: of a millisecond, in divergence."""
    ratios, cost = {}, price * placement.ms({})
    for block in reversed(placement.candidates):
        found = None
        for ratio in steps:
            trial = with_stage(ratios, block, ratio)
            value = placement.divergence(trial) + price * placement.ms(trial)
            if value < cost:
                found, cost = trial, value
        if found is None:
            log.append(f"block {block}: does not pay")
            continue
        ratios = found
        ms = placement.ms(ratios)
        log.append(f"block {block}: keeps {ratios[block]:.2f}, divergence {placement.divergence(ratios):.4f}, {ms:.3f} ms")
        if ms <= target_ms:
            break
    return ratios


def drop_what_does_not_pay(placement, ratios, target_ms, most, log):
    """Takes out selectors while the others reach the latency at a lower divergence, or while there are more than `most`."""
    ratios = fit_latency(placement, ratios, target_ms)
    divergence = placement.divergence(ratios)
    while len(ratios) > 1:
        trials = []
        for block in ratios:
            rest = fit_latency(placement, {b: r for b, r in ratios.items() if b != block}, target_ms)
            if rest is not None:
                trials.append((placement.divergence(rest), block, rest))
        if not trials:
            break
        cost, block, rest = min(trials, key=lambda trial: trial[:2])
        if cost > divergence and len(ratios) <= most:
            break
        log.append(f"without block {block}: divergence {cost:.4f} instead of {divergence:.4f}, taken out")
        ratios, divergence = rest, cost
    return ratios


STEPS = (0.9, 0.75, 0.6, 0.45, 0.3, 0.2)  # keep ratios that are tried


def move_while_it_pays(placement, ratios, target_ms, log):
    """Moves single selectors to other free candidate blocks, at the same latency, as long as the divergence falls."""
    ratios = fit_latency(placement, ratios, target_ms)
    divergence = placement.divergence(ratios)
    while True:
        trials = []
        for block in ratios:
            for step in (-2, -1, 1, 2):
                if block + step not in placement.candidates or block + step in ratios:
                    continue
                places = sorted({block + step, *ratios} - {block})
                levels = sorted(ratios.values(), reverse=True)
                moved = fit_latency(placement, dict(zip(places, levels)), target_ms)
                if moved is not None:
                    trials.append((placement.divergence(moved), block, step, moved))
        cost, block, step, moved = min(trials, key=lambda trial: trial[:3], default=(divergence, 0, 0, ratios))
        if cost >= divergence:
            return ratios
        log.append(f"block {block} to {block + step}: divergence {cost:.4f} instead of {divergence:.4f}")
        ratios, divergence = moved, cost


def search(placement, target_ms, most=3, steps=STEPS, price=0.03, report=lambda line: None):
    """A Plan of at most `most` selectors whose latency in the table is target_ms."""

    class Log(list):
        def append(self, line):
            super().append(line)
            report(line)

    log = Log()
    for _ in range(8):
        log.append(f"price of a millisecond: {price:.4f}")
        ratios = insert_backwards(placement, price, target_ms, steps, log)
        if ratios and placement.ms(ratios) <= target_ms:
            break
        price *= 2
    else:
        raise ValueError(f"{target_ms} ms cannot be reached by pruning tokens in front of blocks {placement.candidates}")
    ratios = drop_what_does_not_pay(placement, ratios, target_ms, most, log)
    ratios = move_while_it_pays(placement, ratios, target_ms, log)
    plan = placement.plan(ratios, list(log))
    log.append(f"plan: {plan.ms:.3f} ms, divergence {plan.divergence:.4f}: {plan.ratios}")
    return plan


@torch.no_grad()
def set_thresholds(model, cache, ratios, crops=128):
    """Shifts each selector in turn so that the threshold keeps its ratio of all patches of `cache`."""
    prefix = cache.rows(slice(0, crops)).prefix.float()
    for stage, ratio in enumerate(ratios):
        shift_to_share(model.selectors[stage], lambda: float(model.from_prefix(prefix).masks[stage].mean()), ratio, steps=8, reach=6.0)
