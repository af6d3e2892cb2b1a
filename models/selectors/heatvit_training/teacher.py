"""What training needs to know of the unpruned network, computed once for each crop of each image and kept."""

import hashlib
import os
from dataclasses import dataclass, fields

import numpy
import torch

from . import data


# 0: every image has the same sum of saliency. 1: as it is; the answer for an easy image hardly depends on any token, so
# hard images would keep nearly all and easy ones nearly none.
HARDNESS = 0.5


@dataclass
class TeacherCache:
    """Rows are crops."""

    prefix: torch.Tensor  # (crops, tokens, dim) float16: the stream in front of prefix_block
    logits: torch.Tensor  # (crops, classes)
    features: torch.Tensor  # (crops, dim): CLS after the last LayerNorm
    cls: torch.Tensor  # (crops, blocks, dim) float16: CLS behind each block from prefix_block on, but for the last
    labels: torch.Tensor  # (crops,); -1: unknown
    image: torch.Tensor  # (crops,): number of the image in the list
    copy: torch.Tensor  # (crops,): 0 the centre crop, others random

    def __len__(self):
        return len(self.logits)

    def rows(self, keep):
        return TeacherCache(*(getattr(self, field.name)[keep] for field in fields(self)))


@torch.no_grad()
def run_teacher(model, images, bfloat16=False):
    """prefix, logits, features and cls of a batch, from the unpruned network of a PrunedViT."""
    cls = []
    with torch.autocast("cpu", torch.bfloat16, bfloat16):
        prefix = x = model.prefix(images)
        for block in range(model.prefix_block, model.config.depth + 1):
            x = model.backbone.block(block, x, None, model.functions)
            cls.append(x[:, 0].half())
        features = model.backbone.features(x).float()
    return prefix.half(), model.backbone.head(features), features, torch.stack(cls[:-1], 1)


class Crops:
    """`copies` crops of every image, computed when they are asked for the first time, and kept: with a folder on disk, where the
    next run finds them. Rows: the centre crops of all images, then the first random crop of all images, and so on.

    identity: what the files depend on beside images, sizes and seed: the weights. The backbone must not change while crops may
    still be computed: a training on it has a copy of its own.
    """

    def __init__(self, model, items, copies, seed, folder=None, identity="", bfloat16=False, batch=32, progress=None):
        self.model, self.items, self.seed, self.batch, self.bfloat16 = model, items, seed, batch, bfloat16
        self.progress = progress or (lambda count: None)
        self.labels = torch.tensor([label for _, label in items]).repeat(copies)
        self.image = torch.arange(len(items)).repeat(copies)
        self.copy = torch.arange(copies).repeat_interleave(len(items))
        names = " ".join(os.path.basename(path) for path, _ in items)
        config = model.backbone.config
        text = f"{config} {model.prefix_block} {model.functions} {seed} {identity} {bfloat16} {names}"
        self.path = os.path.join(folder, "crops-" + hashlib.sha256(text.encode()).hexdigest()[:12]) if folder else None
        shapes = {"prefix": ((config.tokens, config.dim), "<f2"), "logits": ((config.classes,), "<f4"),
                  "features": ((config.dim,), "<f4"), "cls": ((config.depth - model.prefix_block, config.dim), "<f2"),
                  "there": ((), "u1")}
        self.arrays = {name: self._array(name, (len(self.image), *shape), kind) for name, (shape, kind) in shapes.items()}

    def _array(self, name, shape, kind):
        if self.path is None:
            return numpy.zeros(shape, kind)  # pages that are not written take no memory
        path = f"{self.path}.{name}"
        size = int(numpy.prod(shape)) * numpy.dtype(kind).itemsize
        with open(path, "ab") as file:
            if file.tell() < size:
                file.truncate(size)  # a longer file is one of more copies
        return numpy.memmap(path, kind, "r+", shape=shape)

    def __len__(self):
        return len(self.image)

    def rows(self, keep):
        """The TeacherCache of these rows: numbers, a mask or a slice."""
        numbers = torch.arange(len(self))[keep]
        missing = [int(number) for number in numbers if not self.arrays["there"][number]]
        for start in range(0, len(missing), self.batch):
            self._compute(missing[start : start + self.batch])
        taken = {name: torch.from_numpy(self.arrays[name][numbers.numpy()]) for name in ("prefix", "logits", "features", "cls")}
        return TeacherCache(**taken, labels=self.labels[numbers], image=self.image[numbers], copy=self.copy[numbers])

    def _compute(self, numbers):
        crops = [data.crop_of(self.items[int(self.image[n])][0], self.model.config, int(self.copy[n]),
                              f"{self.seed} {int(self.image[n])} {int(self.copy[n])}") for n in numbers]
        results = run_teacher(self.model, torch.stack(crops), self.bfloat16)
        for name, values in zip(("prefix", "logits", "features", "cls"), results):
            self.arrays[name][numbers] = values.numpy()
        self.arrays["there"][numbers] = 1
        self.progress(len(numbers))

    def of(self, numbers, copies=None, often=()):
        """The first `copies` crops of these images (None: all), all crops of those of them that are in `often`."""
        def among(some):
            return torch.isin(self.image, torch.as_tensor(sorted(some), dtype=torch.long))

        return Part(self, torch.nonzero(among(numbers) & ((self.copy < (copies or len(self))) | among(often)))[:, 0])


class Part:
    """Some rows of Crops, numbered anew."""

    def __init__(self, crops, numbers):
        self.crops, self.numbers = crops, numbers
        self.labels, self.copy, self.image = crops.labels[numbers], crops.copy[numbers], crops.image[numbers]

    def __len__(self):
        return len(self.numbers)

    def rows(self, keep):
        return self.crops.rows(self.numbers[keep])


def build(model, items, copies, seed, **more):
    """A TeacherCache of all crops."""
    return Crops(model, items, copies, seed, **more).rows(slice(None))


def saliency(model, prefix, logits, bfloat16=False):
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
        with torch.autocast("cpu", torch.bfloat16, bfloat16):
            x = model.backbone.block(block, x, current, model.functions, queries=1 if block == config.depth else None)
    output = torch.log_softmax(model.backbone.head(model.backbone.features(x)), -1)
    gradients = torch.autograd.grad(output.gather(1, logits.argmax(1, keepdim=True)).sum(), policies)
    later = [sum(gradients[stage:])[:, 1:].abs() for stage in range(len(gradients))]
    matter = torch.stack(later, 1)
    return matter / matter.mean(-1, keepdim=True).clamp(min=1e-12).pow(1 - HARDNESS), streams
