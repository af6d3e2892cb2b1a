"""Selectors learn which images are hard, so that these keep more tokens than easy ones.

Distillation alone does not teach it: what an image gains by more tokens hardly depends on how hard it is. So each selector
behind the first learns to raise the keep logits of all tokens of a hard image and to lower those of an easy one. It sees it in the
mean over the tokens, of which half of its features are; in front of block 4 there is next to nothing to see (docs/training.md).
"""

import copy
import math

import torch

from . import losses, trainer
from .pruned import Quota, candidates_of

CROPS = 12000  # at most
EPOCHS = 3
BATCH = 32


def teach(model, cache, settings, reach, progress=lambda text: None):
    """Every selector but the first adds to its keep logits, of all heads, from -reach (easiest of all crops) to reach
    (hardest), as far as it can tell; what it thinks of the tokens of one image stays."""
    generator = torch.Generator().manual_seed(settings.seed)
    rows = torch.randperm(len(cache), generator=generator)[:CROPS]
    for stage in range(1, len(model.selectors)):
        batches = [_in_front_of(model, cache.rows(some), stage, settings, generator) for some in rows.split(BATCH)]
        progress(f"selector {stage + 1}: {len(rows)} crops")
        _teach_one(model, stage, batches, reach, generator, lambda text: progress(f"selector {stage + 1}: {text}"))


@torch.no_grad()
def _in_front_of(model, crops, stage, settings, generator):
    """Stream, mask of the patches that are still there, and margin of a batch."""
    saved = settings.reductions
    ratios = settings.keep_ratios
    if saved:
        ratios = trainer.ratios_for(model.config, saved[int(torch.rand(1, generator=generator) * len(saved))])
    with torch.autocast("cpu", torch.bfloat16, settings.bfloat16):
        output = model.from_prefix(crops.prefix.float(), Quota(ratios, noise=0.0), spare=0, until=stage)
    return output.tokens.half(), output.candidates[0], losses.margin(crops.logits)


def _teach_one(model, stage, batches, reach, generator, progress):
    selector = model.selectors[stage]
    before = copy.deepcopy(selector)
    order = torch.cat([margins for _, _, margins in batches]).sort().values
    optimizer = torch.optim.Adam(selector.parameters(), 2e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS * len(batches))
    for epoch in range(EPOCHS):
        total = 0.0
        for number in torch.randperm(len(batches), generator=generator):
            x, mask, margins = batches[number]
            hard = 1 - 2 * torch.searchsorted(order, margins).float() / max(1, len(order) - 1)
            loss = _distance(selector, before, x.float(), mask, reach * hard, model.selector_functions)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item()
        progress(f"epoch {epoch + 1} of {EPOCHS}, logits off by {math.sqrt(total / len(batches)):.2f}")


def _distance(selector, before, x, mask, raised, functions):
    """Mean square, weighted as the heads are, between the keep logits and those of before, raised by `raised` (images)."""
    def logits(network):
        pair, head = network.parts(x, candidates_of(x, mask), functions)
        columns = slice(1, 1 + mask.shape[1])
        return (pair[..., 0] - pair[..., 1])[:, columns], head[:, columns]

    with torch.no_grad():
        old, head = logits(before)
    weight = head * mask[..., None]
    return ((logits(selector)[0] - old - raised[:, None, None]).pow(2) * weight).sum() / weight.sum()
