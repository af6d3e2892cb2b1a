"""What train.py and place.py have in common: the frozen network, the split, the crops through the unpruned network."""

import copy
import os

from . import config, data, export, teacher
from .backbone import VisionTransformer
from .pruned import PrunedViT

CROP_SEED = 1  # of the random crops: the same for all runs, so that they can share a cache


def frozen_backbone(model, weights):
    backbone = VisionTransformer(config.find(model))
    export.load_backbone(backbone, weights)
    for parameter in backbone.parameters():
        parameter.requires_grad_(False)
    return backbone


class Split:
    """Images of training and validation: numbers in `items`. By class; without labels (None or empty) by image, every one a
    class of its own. fold: "K/N" or empty."""

    def __init__(self, images, labels, validation_share, fold, seed):
        self.items = data.list_images(images, labels)
        classed = self.items if labels else [(path, number) for number, (path, _) in enumerate(self.items)]
        if fold:
            part, parts = (int(word) for word in fold.split("/"))
            train, held_out = data.folds_by_class(classed, parts, seed)[part]
        else:
            train, held_out = data.split_by_class(classed, validation_share, seed)
        number = {path: i for i, (path, _) in enumerate(self.items)}
        self.training = [number[path] for path, _ in train]
        self.validation = [number[path] for path, _ in held_out]

    def write(self, folder):
        for name, numbers in (("training", self.training), ("validation", self.validation)):
            data.write_file_list(os.path.join(folder, name + ".csv"), [self.items[n] for n in numbers])


def teacher_crops(backbone, prefix_block, items, copies, weights, folder, bfloat16=False):
    """`copies` crops of each image through a copy of the unpruned network, when they are needed; see teacher.Crops."""
    if folder:
        os.makedirs(folder, exist_ok=True)
    identity = f"{os.path.basename(weights)} {os.path.getsize(weights)}"
    model = PrunedViT(copy.deepcopy(backbone), prefix_block=prefix_block)
    return teacher.Crops(model, items, copies, CROP_SEED, folder or None, identity, bfloat16)
