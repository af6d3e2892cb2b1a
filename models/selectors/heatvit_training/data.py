"""Images: folders with labels, splits by class, preprocessing like the simulator's, augmentation, cached crops."""

import csv
import math
import os
import random

import numpy
import torch
from PIL import Image

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp")


def read_labels(path):
    """[(file, class)] of a CSV `file,class[,name]`."""
    with open(path, encoding="utf-8", newline="") as file:
        return [(row["file"], int(row["class"])) for row in csv.DictReader(file)]


def list_images(folder, labels=None):
    """[(path, class)], in name order; class -1 without labels."""
    known = dict(read_labels(labels)) if labels else {}
    names = sorted(name for name in os.listdir(folder) if name.lower().endswith(SUFFIXES))
    missing = [name for name in names if labels and name not in known]
    if missing:
        raise ValueError(f"{labels}: no line for {missing[0]}")
    return [(os.path.join(folder, name), known.get(name, -1)) for name in names]


def split_by_class(items, validation_share, seed):
    """(training, validation): no class is in both."""
    classes = sorted({label for _, label in items})
    random.Random(seed).shuffle(classes)
    held_out = set(classes[: round(len(classes) * validation_share)])
    return [i for i in items if i[1] not in held_out], [i for i in items if i[1] in held_out]


def folds_by_class(items, folds, seed):
    """A list of (training, validation); every item is in one validation part."""
    classes = sorted({label for _, label in items})
    random.Random(seed).shuffle(classes)
    parts = [set(classes[k::folds]) for k in range(folds)]
    return [([i for i in items if i[1] not in part], [i for i in items if i[1] in part]) for part in parts]


def write_file_list(path, items):
    from .tensors import write_text

    write_text(path, "file,class\n" + "".join(f"{os.path.basename(name)},{label}\n" for name, label in items))


def load_image(path):
    with Image.open(path) as image:
        return image.convert("RGB")


def centre_crop(image, config):
    """Short side to floor(size / crop), bicubic, and the centre, with the roundings of models/preprocess/image.cpp."""
    size = config.image_size
    short = math.floor(size / config.crop)
    width, height = image.size
    scale = [short if side <= other else round(short * side / other) for side, other in ((width, height), (height, width))]
    image = image.resize(scale, Image.BICUBIC)
    left, top = (image.width - size) // 2, (image.height - size) // 2
    return image.crop((left, top, left + size, top + size))


def random_resized_crop(image, config, rng, area=(0.35, 1.0)):
    """A part of random area and aspect 3/4 to 4/3, at the network's size, mirrored every other time."""
    width, height = image.size
    for _ in range(10):
        pixels = width * height * rng.uniform(*area)
        aspect = math.exp(rng.uniform(math.log(3 / 4), math.log(4 / 3)))
        w, h = round(math.sqrt(pixels * aspect)), round(math.sqrt(pixels / aspect))
        if w <= width and h <= height:
            left, top = rng.randint(0, width - w), rng.randint(0, height - h)
            break
    else:
        w = h = min(width, height)
        left, top = (width - w) // 2, (height - h) // 2
    box = (left, top, left + w, top + h)
    image = image.resize((config.image_size, config.image_size), Image.BICUBIC, box=box)
    return image.transpose(Image.FLIP_LEFT_RIGHT) if rng.random() < 0.5 else image


def to_tensor(image, config):
    """(3, size, size), normalised float32."""
    pixels = torch.from_numpy(numpy.array(image, dtype=numpy.float32)).permute(2, 0, 1) / 255
    return (pixels - torch.tensor(config.mean)[:, None, None]) / torch.tensor(config.std)[:, None, None]


def crop_of(path, config, copy, seed):
    """Copy 0: the centre crop; others are random by `seed`. (3, size, size), normalised."""
    image = load_image(path)
    image = centre_crop(image, config) if copy == 0 else random_resized_crop(image, config, random.Random(seed))
    return to_tensor(image, config)


def crops(items, config, copy, seed):
    """One crop of each image: (images, 3, size, size) and labels. Copy 0 is the centre crop, others are random by `seed`."""
    rng = random.Random(seed)

    def crop(path):
        image = load_image(path)
        return centre_crop(image, config) if copy == 0 else random_resized_crop(image, config, rng)

    images = torch.stack([to_tensor(crop(path), config) for path, _ in items])
    return images, torch.tensor([label for _, label in items])
