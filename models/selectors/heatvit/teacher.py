"""What training needs to know of the unpruned network, computed once for each crop of each photograph and kept in memory."""

from dataclasses import dataclass

import torch


@dataclass
class TeacherCache:
    """Rows are crops. Half precision where it only feeds a network."""

    prefix: torch.Tensor  # (crops, tokens, dim) float16: the stream in front of the first selector
    logits: torch.Tensor  # (crops, classes)
    features: torch.Tensor  # (crops, dim): CLS after the last LayerNorm
    importance: torch.Tensor  # (crops, selectors, patches) float16: CLS attention of the blocks from a selector on, mean 1
    labels: torch.Tensor  # (crops,)
    image: torch.Tensor  # (crops,): number of the photograph

    def __len__(self):
        return len(self.logits)

    def rows(self, keep):
        return TeacherCache(*(getattr(self, name)[keep] for name in self.__dataclass_fields__))

    def of_images(self, numbers):
        """The crops of these photographs."""
        return self.rows(torch.isin(self.image, torch.as_tensor(sorted(numbers))))

    def megabytes(self):
        return sum(t.numel() * t.element_size() for t in self.__dict__.values()) / 2**20


@torch.no_grad()
def run_teacher(model, images):
    """(prefix, logits, features, importance) of a batch through a PrunedViT's unpruned backbone."""
    config, backbone = model.config, model.backbone
    prefix = x = model.prefix(images)
    attention = []
    first = config.selectors[0]
    for number in range(first, config.depth + 1):
        x = backbone.block(number, x, None, model.functions)
        attention.append(backbone.blocks[number - 1].attn.cls_attention[:, 1:])
    features = backbone.features(x)
    importance = torch.stack([torch.stack(attention[s - first :]).mean(0) for s in config.selectors], 1)
    importance = importance / importance.mean(-1, keepdim=True)
    return prefix, backbone.head(features), features, importance


def concatenate(parts):
    return TeacherCache(*(torch.cat(tensors) for tensors in zip(*parts)))


def cache_batch(model, images, labels, numbers):
    """One part of a TeacherCache: a tuple in the order of its fields."""
    prefix, logits, features, importance = run_teacher(model, images)
    return prefix.half(), logits, features, importance.half(), labels, numbers
