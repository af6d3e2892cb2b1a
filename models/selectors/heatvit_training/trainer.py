"""Training of the selectors: a warm start on saliency, then the whole network by distillation, with the backbone frozen or
its LayerNorms and biases fine-tuned."""

import math
import time
from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F

from . import losses, teacher
from .pruned import Decision, Quota
from .selector import shift_to_share
from .thresholds import approach


@dataclass
class Settings:
    """Every number here is ours; the paper's recipe is not known in detail."""

    epochs: int = 20  # of the training on the whole network
    warm_epochs: int = 12  # of the warm start; its inputs are computed once
    warm_images: int = 350  # crops for the warm start
    batch: int = 16
    learning_rate: float = 2e-3
    target_ms: float = 0.0  # latency; 0: keep ratios alone
    keep_ratios: tuple = (0.7, 0.49, 0.343)  # cumulative: of the warm start, and targets where keep_weight > 0
    latency_weight: float = 40.0
    keep_weight: float = 0.0
    feature_weight: float = 0.5
    label_weight: float = 0.0
    sharpness_weight: float = 0.02
    noise: float = 1.0  # of the Gumbel samples at first, falling linearly to
    last_noise: float = 0.5  # without any, the selectors get worse: a token that is never tried teaches nothing
    temperature: float = 1.0
    tuned_learning_rate: float = 0.0  # of the backbone's LayerNorms, biases and differences; 0: frozen
    reductions: tuple = ()  # shares of the products to save, one drawn for each batch; the latency is no part of the loss then
    cls_weight: float = 0.0  # of the distance of CLS behind each block
    adaptive_weight: float = 0.0  # of losses.adaptivity
    adaptive_spread: float = 0.2  # the hardest image of a batch keeps so much more than the mean, the easiest so much less
    minutes: float = 0.0  # ends the schedule after this time instead of after `epochs`
    bfloat16: bool = False  # of the backbone's products in training; less than half the time on CPUs with AVX512_BF16
    spare: int = 24  # dropped tokens of an image that are computed on for their gradients
    seed: int = 1


def warm_start(model, cache, settings, progress=lambda text: None):
    """Each selector learns which tokens of the unpruned network matter: cross entropy against the most salient share.

    The share is of all tokens of all images, so an image whose saliency is spread keeps more of them.
    """
    matter, streams = [], []
    count = min(len(cache), settings.warm_images)
    spread = torch.arange(count) * len(cache) // count
    for start in range(0, count, settings.batch):
        some = cache.rows(spread[start : start + settings.batch])
        part, stream = teacher.saliency(model, some.prefix.float(), some.logits, settings.bfloat16)
        matter.append(part)
        streams.append([x.half() for x in stream])
        progress(f"saliency {start}")
    matter = torch.cat(matter)
    for stage, selector in enumerate(model.selectors):
        x = torch.cat([parts[stage] for parts in streams])
        share = settings.keep_ratios[stage]
        target = (matter[:, stage] >= torch.quantile(matter[:, stage].flatten(), 1 - share)).float()
        _warm_start_one(model, selector, x, target, settings, stage, progress)


def _warm_start_one(model, selector, x, target, settings, stage, progress):
    candidates = torch.ones(len(x), x.shape[1])
    candidates[:, 0] = 0
    optimizer = torch.optim.Adam(selector.parameters(), 3e-3)
    steps = settings.warm_epochs * math.ceil(len(x) / 32)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(settings.warm_epochs):
        total = 0.0
        for rows in torch.randperm(len(x)).split(32):
            score = selector(x[rows].float(), candidates[rows], model.selector_functions)[:, 1:]
            loss = F.binary_cross_entropy(score.clamp(1e-4, 1 - 1e-4), target[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() * len(rows)
        progress(f"selector {stage + 1}: cross entropy {total / len(x):.3f}")
    rows = slice(0, 128)

    @torch.no_grad()
    def share_kept():
        score = selector(x[rows].float(), candidates[rows], model.selector_functions)[:, 1:]
        return float((score >= 0.5).float().mean())

    shift_to_share(selector, share_kept, settings.keep_ratios[stage])


class Trainer:
    """One run. `table`: a LatencyTable, or None where settings.target_ms is 0. State can be saved and restored at epochs."""

    def __init__(self, model, cache, settings, table=None):
        self.model, self.cache, self.settings, self.table = model, cache, settings, table
        for parameter in model.backbone.parameters():
            parameter.requires_grad_(False)
        self.tuned = model.tuned_parameters() if settings.tuned_learning_rate > 0 else {}
        for parameter in self.tuned.values():
            parameter.requires_grad_(True)
        groups = [{"params": list(model.selectors.parameters()), "rate": settings.learning_rate}]
        groups += [{"params": list(self.tuned.values()), "rate": settings.tuned_learning_rate}] if self.tuned else []
        self.optimizer = torch.optim.Adam(groups, settings.learning_rate)
        self.epoch = 0
        self.history = []
        self.best = (math.inf, None)  # cost by the threshold, what weights() gave
        self.generator = torch.Generator().manual_seed(settings.seed)
        self.batch_number, self.sums, self.seconds = 0, {}, 0.0  # within the epoch; seconds of training so far

    def state(self):
        return {
            "settings": asdict(self.settings),
            "epoch": self.epoch,
            "history": self.history,
            "best": self.best,
            "weights": self.weights(),
            "optimizer": self.optimizer.state_dict(),
            "generator": self.generator.get_state(),
            "batch_number": self.batch_number,
            "sums": self.sums,
            "order": getattr(self, "order", None),
            "seconds": self.seconds,
        }

    def restore(self, state):
        self.epoch, self.history, self.best = state["epoch"], state["history"], state["best"]
        self._set_weights(state["weights"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.generator.set_state(state["generator"])
        self.batch_number, self.sums, self.seconds = state["batch_number"], state["sums"], state["seconds"]
        self.order = state["order"]

    def over(self):
        return self.epoch >= self.settings.epochs or (0 < self.settings.minutes * 60 <= self.seconds)

    def done(self, batches):
        """The share of the schedule behind us."""
        if self.settings.minutes:
            return min(1.0, self.seconds / (60 * self.settings.minutes))
        return (self.epoch + self.batch_number / batches) / self.settings.epochs

    def run_epoch(self, progress=lambda done, of, text: None, keep=lambda: None, every=120.0):
        """keep() is called every so many seconds, for a checkpoint within the epoch."""
        if self.batch_number == 0:
            self.order, self.sums = torch.randperm(len(self.cache), generator=self.generator), {}
        batches, sums = self.order.split(self.settings.batch), self.sums
        kept = time.monotonic()
        while self.batch_number < len(batches) and not self.over():
            begin, rows = time.monotonic(), batches[self.batch_number]
            self._set_rate(self.done(len(batches)))
            for name, value in self._step(rows, self.done(len(batches))).items():
                sums[name] = sums.get(name, 0.0) + value * len(rows)
            sums["crops"] = sums.get("crops", 0) + len(rows)
            self.batch_number += 1
            self.seconds += time.monotonic() - begin
            means = " ".join(f"{name} {value / sums['crops']:.3f}" for name, value in sums.items() if name != "crops")
            progress(sums["crops"], len(self.cache), means)
            if time.monotonic() - kept > every:
                keep()
                kept = time.monotonic()
        self.epoch, self.batch_number = self.epoch + 1, 0
        count = sums.pop("crops")
        self.history.append({**{name: value / count for name, value in sums.items()}, "crops": count})
        if self.settings.reductions:  # the last epoch is the best: the rate falls to nothing
            self.best = (0.0, self.weights())
            return self.history[-1]
        self.history[-1]["by_threshold"] = cost = self.cost_by_threshold()
        if cost < self.best[0]:
            self.best = (cost, self.weights())
        return self.history[-1]

    def _draw_ratios(self):
        """Keep ratios at which one of settings.reductions of the products is saved, shared out between the selectors at random."""
        draw = torch.rand(1 + len(self.model.selectors), generator=self.generator)
        saved = self.settings.reductions[int(draw[0] * len(self.settings.reductions))] + 0.06 * (float(draw[1]) - 0.5)
        return ratios_for(self.model.config, max(saved, 0.02), [1.0, *(0.3 + 0.9 * float(d) for d in draw[2:])])

    def cost_by_threshold(self, crops=90):
        """Divergence without noise at the target latency, on some training crops: what chooses among the epochs."""
        cache = self.cache.rows(torch.arange(0, len(self.cache), max(1, len(self.cache) // crops)))
        shift = calibrate_latency(self.model, cache, self.table, self.settings.target_ms) if self.table else 0.0
        cost = float(evaluate(self.model, cache).divergence.mean())
        for selector in self.model.selectors:
            selector.shift(-shift)
        return cost

    def weights(self):
        """A copy of what is trained."""
        return {
            "selectors": {name: value.clone() for name, value in self.model.selectors.state_dict().items()},
            "tuned": {name: parameter.detach().clone() for name, parameter in self.tuned.items()},
        }

    def _set_weights(self, weights):
        self.model.selectors.load_state_dict(weights["selectors"])
        with torch.no_grad():
            for name, value in weights["tuned"].items():
                self.tuned[name].copy_(value)

    def take_best(self):
        if self.best[1] is not None:  # of no epoch at all: what it began with
            self._set_weights(self.best[1])

    def _set_rate(self, done):
        for group in self.optimizer.param_groups:
            group["lr"] = group["rate"] * (0.02 + 0.98 * (1 + math.cos(math.pi * done)) / 2)

    def _step(self, rows, done):
        settings, some, patches = self.settings, self.cache.rows(rows), self.model.config.patches
        noise = settings.noise + (settings.last_noise - settings.noise) * done
        if settings.reductions:
            decide = Quota(self._draw_ratios(), noise, self.generator)
        else:
            decide = Decision(True, settings.temperature, noise, self.generator)
        with torch.autocast("cpu", torch.bfloat16, settings.bfloat16):
            output = self.model.from_prefix(some.prefix.float(), decide, spare=settings.spare)
        divergence = losses.distillation(output.logits.float(), some.logits)
        distance = losses.feature_distance(output.features.float(), some.features)
        loss = divergence + settings.feature_weight * distance
        parts = {"divergence": float(divergence), "feature": float(distance)}
        if settings.cls_weight > 0:
            along = losses.cls_distance(output.cls, some.cls)
            loss, parts["cls"] = loss + settings.cls_weight * along, float(along)
        kept = output.kept()
        if settings.adaptive_weight > 0:
            uneven = losses.adaptivity(kept, some.logits, settings.adaptive_spread)
            loss, parts["adaptive"] = loss + settings.adaptive_weight * uneven, float(uneven)
        if settings.target_ms > 0 and not settings.reductions:
            late, parts["ms"] = losses.latency(kept, self.table, patches, settings.target_ms)
            loss = loss + settings.latency_weight * late
        if settings.keep_weight > 0:
            loss = loss + settings.keep_weight * losses.keep_ratio(kept, patches, settings.keep_ratios)
        if settings.label_weight > 0:
            loss = loss + settings.label_weight * losses.classification(output.logits, some.labels)
        if not settings.reductions:  # a quota's threshold is wherever its share is
            loss = loss + settings.sharpness_weight * losses.undecided(output.scores, output.candidates)
        self.optimizer.zero_grad()
        loss.backward()
        for group in self.optimizer.param_groups:
            torch.nn.utils.clip_grad_norm_(group["params"], 1.0)
        self.optimizer.step()
        for selector, shift in zip(self.model.selectors, getattr(decide, "shifts", ())):
            selector.shift(0.05 * shift)  # the level, which a quota leaves open, stays near the threshold
        for stage, count in enumerate(kept.detach().mean(0)):
            parts[f"kept{stage + 1}"] = float(count)
        return parts


def ratios_for(config, saved, steps=None):
    """Cumulative keep ratios, one more power of a number each, at which `saved` of the products are saved (0.35: 35 %).
    steps: by how much the power grows at each selector (default 1)."""
    powers, steps = [], steps or [1.0] * len(config.selectors)
    for step in steps:
        powers.append((powers[-1] if powers else 0.0) + step)
    low, high = 1e-3, 1.0
    for _ in range(30):
        middle = (low + high) / 2
        less = 1 - config.macs([config.patches * middle**power for power in powers]) / config.macs()
        low, high = (middle, high) if less > saved else (low, middle)
    return tuple(high**power for power in powers)


@dataclass
class Evaluation:
    """By image; `kept`: (images, selectors)."""

    kept: torch.Tensor
    classes: torch.Tensor
    correct: torch.Tensor
    agree: torch.Tensor  # with the unpruned network
    margin: torch.Tensor  # of the unpruned network's probabilities, first less second: small is hard
    macs: torch.Tensor
    divergence: torch.Tensor  # from the unpruned network
    ms: torch.Tensor = None

    def text(self):
        kept = " ".join(f"{value:.1f}" for value in self.kept.float().mean(0))
        ms = "" if self.ms is None else f", {float(self.ms.mean()):.3f} ms"
        return (
            f"top-1 {100 * float(self.correct.float().mean()):.1f} %, agreement {100 * float(self.agree.float().mean()):.1f} %, "
            f"divergence {float(self.divergence.mean()):.4f}, kept {kept}, {float(self.macs.mean()) / 1e9:.3f} GMAC{ms}"
        )


@torch.no_grad()
def evaluate(model, cache, table=None, batch=25, scorer=None, probe=None, decide=None, bfloat16=False):
    """The threshold decides (or `decide`, or `scorer`, see PrunedViT.from_prefix)."""
    logits, kept = [], []
    for start in range(0, len(cache), batch):
        with torch.autocast("cpu", torch.bfloat16, bfloat16):
            output = model.from_prefix(cache.prefix[start : start + batch].float(), decide, probe, scorer, spare=0)
        logits.append(output.logits.float())
        kept.append(output.kept())
    logits, kept = torch.cat(logits), torch.cat(kept)
    best = cache.logits.softmax(-1).topk(2).values
    teacher_log = cache.logits.log_softmax(-1)
    divergence = (teacher_log.exp() * (teacher_log - logits.log_softmax(-1))).sum(-1)
    classes = logits.argmax(1)
    macs = torch.tensor([float(model.config.macs(row)) for row in kept.tolist()])
    return Evaluation(
        kept,
        classes,
        classes == cache.labels,
        classes == cache.logits.argmax(1),
        best[:, 0] - best[:, 1],
        macs,
        divergence,
        None if table is None else table(kept / model.config.patches),
    )


def calibrate_latency(model, cache, table, target_ms):
    """Shifts all keep logits by one amount until the mean latency of the table over `cache` is the target. Returns it."""
    at = 0.0

    def shift_to(amount):
        nonlocal at
        for selector in model.selectors:
            selector.shift(amount - at)
        at = amount

    def measure(amount):
        shift_to(amount)
        return float(evaluate(model, cache, table).ms.mean())

    best, _ = approach(measure, target_ms)
    shift_to(best)
    return best
