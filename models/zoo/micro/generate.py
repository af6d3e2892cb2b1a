#!/usr/bin/python3
"""The pictures deit-micro is trained on and shipped with: one shape on a textured background, 64 x 64 pixels.

Sixteen classes: eight shapes, each filled or as an outline, lighter than what is behind them. Position, size, rotation,
colours, texture, noise and clutter vary. `difficulty` in [0, 1] says how much clutter, texture and noise there is and how
little the shape stands out; its size is drawn apart from it. A picture depends on (seed, index) alone.

    ./generate.py --count 160 --seed 7 --out images --labels labels.csv --details details.csv
"""
import argparse
import csv
import io
import math
import pathlib
import sys

import numpy as np
from PIL import Image, ImageDraw

SIDE = 64
PATCH = 8
SHAPES = ("circle", "square", "triangle", "star", "cross", "heart", "crescent", "arrow")
CLASSES = tuple(f"{shape}, {fill}" for shape in SHAPES for fill in ("filled", "outline"))
BACKGROUND = len(CLASSES)  # label of a patch that shows no shape

_FINE = 3              # shapes are drawn this many times larger and averaged
_JPEG_QUALITY = 85     # what the shipped pictures are stored with; the network is trained on what that leaves
_COVERED = 0.15        # a patch shows the shape from this share of its pixels on


def _arc(centre, radius, start, stop, steps=24):
    """Points of a circle's arc; angles in degrees, from the x axis."""
    return [(centre[0] + radius * math.cos(a), centre[1] + radius * math.sin(a))
            for a in np.radians(np.linspace(start, stop, steps))]


def _corners(count, start, radii):
    """A polygon around the origin whose corners lie at `radii` in turn."""
    return [(radii[i % len(radii)] * math.cos(math.radians(start + 360.0 * i / count)),
             radii[i % len(radii)] * math.sin(math.radians(start + 360.0 * i / count))) for i in range(count)]


def _outlines():
    """Each shape as a polygon within the unit circle."""
    t = 0.36  # half the width of the cross's arms
    horn = math.degrees(math.acos(0.35))  # where the crescent's two circles meet
    return {
        "circle": _corners(48, 0, [1.0]),
        "square": _corners(4, 45, [1.0]),
        "triangle": _corners(3, -90, [1.0]),
        "star": _corners(10, -90, [1.0, 0.42]),
        "cross": [(t, 1), (t, t), (1, t), (1, -t), (t, -t), (t, -1), (-t, -1), (-t, -t), (-1, -t), (-1, t), (-t, t),
                  (-t, 1)],
        "heart": _arc((0.45, -0.35), 0.5, -160, 30) + [(0.0, 0.95)] + _arc((-0.45, -0.35), 0.5, 150, 340),
        "crescent": _arc((0, 0), 1.0, horn, 360 - horn) + _arc((0.7, 0), 1.0, 180 + horn, 180 - horn),
        "arrow": [(1.0, 0.0), (0.1, 0.8), (0.1, 0.3), (-0.95, 0.3), (-0.95, -0.3), (0.1, -0.3), (0.1, -0.8)],
    }


_POLYGONS = {name: np.array(points) for name, points in _outlines().items()}


def _texture(random, side):
    """One of four textures, side x side, mean about 0, largest absolute value 1."""
    y, x = np.mgrid[0:side, 0:side] / side - 0.5
    angle = random.uniform(0, math.pi)
    along = x * math.cos(angle) + y * math.sin(angle)
    kind = random.integers(4)
    if kind == 0:  # gradient
        values = along
    elif kind == 1:  # stripes
        values = np.sin(along * random.uniform(12, 45) + random.uniform(0, 6))
    elif kind == 2:  # checks
        across = -x * math.sin(angle) + y * math.cos(angle)
        cells = random.uniform(10, 30)
        values = np.sign(np.sin(along * cells) * np.sin(across * cells))
    else:  # blobs
        coarse = random.standard_normal((random.integers(4, 13),) * 2).astype(np.float32)
        values = np.asarray(Image.fromarray(coarse).resize((side, side), Image.BICUBIC))
    return values / max(1e-6, float(np.abs(values).max()))


def _shade(random, brightness):
    """A random hue whose mean over red, green and blue is `brightness`, of 255, as far as there is one."""
    colour = random.uniform(0.15, 1, 3)
    return np.clip(colour * (brightness / colour.mean()), 0, 255)


def _clutter(draw, random, count, side):
    """Open strokes, arcs and dots: nothing that is one of the shapes."""
    for _ in range(count):
        colour = tuple(int(c) for c in _shade(random, random.uniform(20, 230)))
        x, y = random.uniform(0, side, 2)
        kind, size = random.integers(3), random.uniform(0.05, 0.16) * side
        if kind == 0:
            angle = random.uniform(0, 2 * math.pi)
            draw.line([(x, y), (x + 2 * size * math.cos(angle), y + 2 * size * math.sin(angle))], colour,
                      width=int(random.integers(_FINE, 3 * _FINE)))
        elif kind == 1:
            start = random.uniform(0, 360)
            draw.arc([x - size, y - size, x + size, y + size], start, start + random.uniform(60, 150), colour,
                     width=int(random.integers(_FINE, 3 * _FINE)))
        else:
            size = random.uniform(0.6, 1.6) * _FINE
            draw.ellipse([x - size, y - size, x + size, y + size], colour)


def _place(random, diameter, shape):
    """The shape's polygon in fine pixels, somewhere inside the picture."""
    side = SIDE * _FINE
    radius = diameter * side / 2
    angle = random.uniform(-0.6, 0.6)
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    centre = random.uniform(radius, side - radius, 2)
    return [tuple(point) for point in _POLYGONS[shape] @ turn.T * radius + centre]


def _draw_shape(draw, points, filled, diameter, colour):
    if filled:
        draw.polygon(points, colour)
    else:
        draw.line(points + points[:2], colour, width=round(max(2.2, 0.085 * diameter * SIDE) * _FINE), joint="curve")


def picture(seed, index, label=None, difficulty=None):
    """(pixels uint8 [64, 64, 3], label, patch labels uint8 [64], details) of picture `index` of the set `seed`."""
    random = np.random.default_rng([seed, index])
    drawn_label, drawn_difficulty = int(random.integers(len(CLASSES))), float(random.uniform())
    label = drawn_label if label is None else label
    difficulty = drawn_difficulty if difficulty is None else difficulty
    shape, filled = SHAPES[label // 2], label % 2 == 0
    diameter = float(random.uniform(0.38, 0.8))
    strokes = round(14 * difficulty)

    brightness = random.uniform(40, 110)
    ground = _shade(random, brightness)
    tint = random.uniform(-1, 1, 3) * (15 + 55 * difficulty)
    pixels = ground + _texture(random, SIDE)[:, :, None] * tint
    fine = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).resize((SIDE * _FINE,) * 2, Image.BILINEAR)
    mask = Image.new("L", fine.size)
    draw = ImageDraw.Draw(fine)
    _clutter(draw, random, strokes, SIDE * _FINE)
    points = _place(random, diameter, shape)
    colour = _shade(random, brightness + 125 - 60 * difficulty)
    _draw_shape(draw, points, filled, diameter, tuple(int(c) for c in colour))
    _draw_shape(ImageDraw.Draw(mask), points, filled, diameter, 255)

    pixels = np.asarray(fine.resize((SIDE, SIDE), Image.BOX), np.float32)
    pixels = pixels + random.standard_normal(pixels.shape, np.float32) * (2 + 14 * difficulty)
    stored = io.BytesIO()
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(stored, "JPEG", quality=_JPEG_QUALITY,
                                                                  subsampling=0)
    cells = SIDE // PATCH
    cover = np.asarray(mask.resize((SIDE, SIDE), Image.BOX)).reshape(cells, PATCH, cells, PATCH).mean((1, 3)) / 255
    patches = np.where(cover >= _COVERED, label, BACKGROUND).astype(np.uint8).ravel()
    details = {"difficulty": round(difficulty, 3), "size": round(diameter, 3), "strokes": strokes,
               "shape_patches": int((patches != BACKGROUND).sum())}
    return stored.getvalue(), label, patches, details


def decode(jpeg):
    """The pixels of a picture, uint8 [64, 64, 3]."""
    return np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB"))


def dataset(seed, count, report=lambda done: None):
    """Pixels [count, 64, 64, 3], labels [count], patch labels [count, 64], all uint8, and the list of details."""
    pixels = np.empty((count, SIDE, SIDE, 3), np.uint8)
    labels = np.empty(count, np.uint8)
    patches = np.empty((count, (SIDE // PATCH) ** 2), np.uint8)
    details = []
    for index in range(count):
        jpeg, labels[index], patches[index], detail = picture(seed, index)
        pixels[index] = decode(jpeg)
        details.append(detail)
        report(index + 1)
    return pixels, labels, patches, details


def write_set(folder, seed, count):
    """`count` pictures in `folder`, the classes in turn, difficulty rising within a class. Rows for the two tables."""
    folder.mkdir(parents=True, exist_ok=True)
    labels, details = [], []
    for index in range(count):
        rounds = max(1, (count + len(CLASSES) - 1) // len(CLASSES) - 1)
        jpeg, label, _, detail = picture(seed, index, index % len(CLASSES), min(1.0, index // len(CLASSES) / rounds))
        name = f"{index:03d}_{CLASSES[label].replace(', ', '_')}.jpg"
        (folder / name).write_bytes(jpeg)
        labels.append((name, label, CLASSES[label]))
        details.append((name, *detail.values()))
    return labels, details


def write_table(path, header, rows):
    with open(path, "w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerows([header, *rows])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=160, help="pictures; the classes take turns (default 160)")
    parser.add_argument("--seed", type=int, default=7, help="of the set (default 7)")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="folder for the JPEG files")
    parser.add_argument("--labels", type=pathlib.Path, help="file,class,name of each picture, as run_sim --labels reads")
    parser.add_argument("--details", type=pathlib.Path, help="difficulty, size, strokes and patches of each picture")
    parser.add_argument("--classes", type=pathlib.Path, help="class,name of the sixteen classes")
    options = parser.parse_args()
    if options.count < 1:
        parser.error("--count must be at least 1")
    labels, details = write_set(options.out, options.seed, options.count)
    if options.labels:
        write_table(options.labels, ("file", "class", "name"), labels)
    if options.details:
        write_table(options.details, ("file", "difficulty", "size", "strokes", "shape_patches"), details)
    if options.classes:
        write_table(options.classes, ("class", "name"), enumerate(CLASSES))
    return 0


if __name__ == "__main__":
    sys.exit(main())
