"""Operating points: thresholds of one set of trained selectors for several numbers of products.

A point's thresholds are shifts of the keep logits, one a selector. They belong to keep ratios of a whole set of images, of which
several with the same products are tried.
"""

import torch

from .pruned import Quota
from .trainer import evaluate, ratios_for

# Powers of the ratio that each selector adds.
SPLITS = ((1, 1, 1), (1, 0.7, 0.5), (1, 0.5, 0.3), (1, 0.4, 0.8), (1, 0.9, 0.3), (1, 1.5, 1), (0.6, 1, 1), (1, 0.3, 0.2))


def splits_of(selectors):
    return SPLITS if selectors == 3 else ((1,) * selectors,)


def find(model, cache, saved, bfloat16=False, report=lambda line: None):
    """Shifts of the selectors at which `saved` of the products are saved at the least divergence, over all of `cache`."""
    best = None
    for steps in splits_of(len(model.selectors)):
        quota = Quota(ratios_for(model.config, saved, steps), noise=0.0)
        result = evaluate(model, cache, batch=len(cache), decide=quota, bfloat16=bfloat16)
        cost = float(result.divergence.mean())
        report(f"{100 * saved:.0f} % fewer, {' '.join(f'{ratio:.3f}' for ratio in quota.ratios)} kept: {result.text()}")
        if best is None or cost < best[0]:
            best = cost, tuple(quota.shifts)
    return best[1]


def name_of(saved):
    return f"{100 * saved:.0f}"


def text_of(points):
    """Metadata `heatvit.points`: "20:0.5,0.4,0.1;35:0,0,0"."""
    return ";".join(f"{name}:{','.join(f'{shift:.5g}' for shift in shifts)}" for name, shifts in points.items())


def parse(text):
    return {name: tuple(float(word) for word in shifts.split(","))
            for name, shifts in (part.split(":") for part in text.split(";") if part)}


@torch.no_grad()
def settle(model, cache, reductions, bfloat16=False, report=lambda line: None):
    """Gives the selectors the thresholds of the second point (or of the only one); returns the points relative to it."""
    found = {name_of(saved): find(model, cache, saved, bfloat16, report) for saved in dict.fromkeys(reductions)}
    own = list(found.values())[min(1, len(found) - 1)]
    for selector, shift in zip(model.selectors, own):
        selector.shift(shift)
    return {name: tuple(shift - zero for shift, zero in zip(shifts, own)) for name, shifts in found.items()}
