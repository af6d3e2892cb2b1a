"""run_sim on a set of images."""

import copy
import csv
import json
import os
import subprocess

import numpy

from . import data


class Simulator:
    """program: run_sim. labels: CSV or None. wanted: a CSV whose column `file` names the images to use, or None for all.

    folder: for temporary files. limit: at most so many images, evenly spread.
    """

    def __init__(self, program, model, weights, images, labels, folder, wanted=None, limit=None, jobs=1):
        self.folder, self.images = folder, os.path.join(folder, "images")
        self.items = data.list_images(images, labels)
        if wanted:
            with open(wanted, encoding="utf-8", newline="") as file:
                names = {row["file"] for row in csv.DictReader(file)}
            self.items = [item for item in self.items if os.path.basename(item[0]) in names]
        if limit and limit < len(self.items):
            self.items = [self.items[k * len(self.items) // limit] for k in range(limit)]
        os.makedirs(self.images)
        for path, _ in self.items:
            os.symlink(os.path.abspath(path), os.path.join(self.images, os.path.basename(path)))
        self.command = [program, "--model", model, "--weights", weights, "--images", self.images, "--jobs", str(jobs), "--quiet"]
        self.command += ["--labels", labels] if labels else []

    def with_backbone_of(self, selectors):
        """Another one of the same images, whose backbone is the selector file's tuned one."""
        tuned, where = copy.copy(self), self.command.index("--weights") + 1
        tuned.command = list(self.command)
        tuned.command[where] = os.path.join(self.folder, "tuned.safetensors")
        subprocess.run([self.command[0], "quantize", *self.command[1 : where + 1], "--selector-weights", selectors,
                        "--out", tuned.command[where]], check=True, stdout=subprocess.DEVNULL)
        return tuned

    def run(self, *arguments):
        """The JSON report."""
        report = os.path.join(self.folder, "run.json")
        subprocess.run([*self.command, "--json", report, *arguments], check=True)
        with open(report, encoding="utf-8") as file:
            return json.load(file)


def shifted(arrays, amount):
    """Tensors of a selector file with the keep logit of every token moved by `amount` against the drop logit."""
    half = numpy.array([0.5, -0.5], numpy.float32) * amount
    return {name: (array + half).astype("<f4") if name.endswith(".keep.bias") else array for name, array in arrays.items()}


def approach(measure, target, tolerance=0.005, first=0.3, steps=12):
    """(amount, value): measure(amount) rises and is to come within `tolerance` of the target, relative; regula falsi with a
    step of at least a tenth of the bracket. Where it does not within `steps`, the closest."""
    points, at = [], 0.0
    for _ in range(steps):
        points.append((measure(at) / target - 1, at))
        if abs(points[-1][0]) <= tolerance:
            break
        below = max((p for p in points if p[0] < 0), default=None)
        above = min((p for p in points if p[0] >= 0), default=None)
        if below and above:
            share = -below[0] / (above[0] - below[0])
            at = below[1] + min(max(share, 0.1), 0.9) * (above[1] - below[1])
        else:
            at += first if below else -first
            first *= 1.5
    error, best = min(points, key=lambda point: abs(point[0]))
    return best, (1 + error) * target
