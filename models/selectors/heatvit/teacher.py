"""What training needs to know of the unpruned network, computed once for each crop of each image and kept."""

import hashlib
import os
from dataclasses import dataclass, fields

import torch

from . import data
from .tensors import write_atomically


# 0: every image has the same sum of saliency. 1: as it is; the answer for an easy image hardly depends on any token, so
# hard images would keep nearly all and easy ones nearly none.
HARDNESS = 0.25


@dataclass
class TeacherCache:
    """Rows are crops."""

    prefix: torch.Tensor  # (crops, tokens, dim) float16: the stream in front of prefix_block
    logits: torch.Tensor  # (crops, classes)
    features: torch.Tensor  # (crops, dim): CLS after the last LayerNorm
    labels: torch.Tensor  # (crops,)
    image: torch.Tensor  # (crops,): number of the image in the list
    copy: torch.Tensor  # (crops,): 0 the centre crop, others random

    def __len__(self):
        return len(self.logits)

    def rows(self, keep):
        return TeacherCache(*(getattr(self, field.name)[keep] for field in fields(self)))

    def of(self, numbers, centre_only=False):
        """The crops of these images."""
        keep = torch.isin(self.image, torch.as_tensor(sorted(numbers), dtype=torch.long))
        return self.rows(keep & (self.copy == 0) if centre_only else keep)

    def megabytes(self):
        return sum(t.numel() * t.element_size() for t in self.__dict__.values()) / 2**20


def concatenate(caches):
    return TeacherCache(*(torch.cat([getattr(c, field.name) for c in caches]) for field in fields(TeacherCache)))


@torch.no_grad()
def run_teacher(model, images, labels, numbers, copy):
    """A batch through the unpruned network of a PrunedViT."""
    prefix = x = model.prefix(images)
    for block in range(model.prefix_block, model.config.depth + 1):
        x = model.backbone.block(block, x, None, model.functions)
    features = model.backbone.features(x)
    copies = torch.full_like(labels, copy)
    return TeacherCache(prefix.half(), model.backbone.head(features), features, labels, numbers, copies)


def one_copy(model, items, copy, seed, batch, progress):
    parts = []
    for start in range(0, len(items), batch):
        chunk = items[start : start + batch]
        images, labels = data.crops(chunk, model.config, copy, seed * 1000003 + copy * 1009 + start)
        numbers = torch.arange(start, start + len(chunk))
        parts.append(run_teacher(model, images, labels, numbers, copy))
        progress(len(chunk))
    return concatenate(parts)


def build(model, items, copies, seed, folder=None, identity="", batch=20, progress=lambda count: None):
    """`copies` crops of every image. With a folder, a file for each copy is kept there and found again by the next run.

    identity: what the files depend on beside images, sizes and seed: the weights.
    """
    names = " ".join(os.path.basename(path) for path, _ in items)
    text = f"{model.backbone.config} {model.prefix_block} {model.functions} {seed} {identity} {names}"
    key = hashlib.sha256(text.encode()).hexdigest()[:12]
    parts = []
    for copy in range(copies):
        path = os.path.join(folder, f"crops-{key}-{copy}.pt") if folder else None
        if path and os.path.exists(path):
            parts.append(TeacherCache(**torch.load(path)))
            progress(len(items))
            continue
        parts.append(one_copy(model, items, copy, seed, batch, progress))
        if path:
            write_atomically(path, lambda stream: torch.save(parts[-1].__dict__, stream))
    return concatenate(parts)


def saliency(model, prefix, logits):
    """How much each token matters at each selector, and the stream there, unpruned.

    Saliency: the absolute derivative of the log probability of the teacher's class by the token's weight in all attention
    from the selector on, divided by the image's mean to the power 1 - HARDNESS. Returns (images, selectors, patches) and a list of
    (images, tokens, dim).
    """
    config, x = model.config, prefix
    policies, streams, current = [], [], None
    for block in range(model.prefix_block, config.depth + 1):
        if block in config.selectors:
            streams.append(x.detach())
            policies.append(torch.ones(x.shape[:2], requires_grad=True))
            current = policies[-1]
        x = model.backbone.block(block, x, current, model.functions, queries=1 if block == config.depth else None)
    output = torch.log_softmax(model.backbone.head(model.backbone.features(x)), -1)
    gradients = torch.autograd.grad(output.gather(1, logits.argmax(1, keepdim=True)).sum(), policies)
    later = [sum(gradients[stage:])[:, 1:].abs() for stage in range(len(gradients))]
    matter = torch.stack(later, 1)
    return matter / matter.mean(-1, keepdim=True).clamp(min=1e-12).pow(1 - HARDNESS), streams
