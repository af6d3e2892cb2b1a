"""The simulator's Python package (docs/python.md), and what the scripts ask it about a set of images."""

import copy
import csv
import importlib
import importlib.util
import os
import shutil
import subprocess
import sys

from . import data

HOME = os.path.normpath(os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..", ".."))
ADVICE = "run the script by ./run_sim.sh python SCRIPT, or give --run-sim a program that was built with -DHEATVIT_PYTHON=ON"


def _folders_beside(program):
    """Where a program's Python package may lie: of the checkout, whose script builds it; of a build folder; installed."""
    above = os.path.dirname(os.path.realpath(program))
    if os.path.basename(program) == "run_sim.sh":
        folder = os.path.join(above, "build", "python", "python")
        if subprocess.run([program, "python", "-c", ""], check=False).returncode:
            raise ValueError(f"{program} cannot build the simulator's Python package")
        return [folder]
    prefix = os.path.dirname(above)
    return [os.path.join(prefix, "python"), os.path.join(prefix, "lib", "python3", "dist-packages")]


def _is_there():
    spec = importlib.util.find_spec("heatvit")
    return spec is not None and spec.origin is not None  # a folder without __init__.py is none


def package(program=""):
    """The package `heatvit`: that of `program` (a run_sim, or run_sim.sh), else the one on Python's path, else that of the
    run_sim on PATH, else of this checkout, built where that is needed."""
    if "heatvit" in sys.modules:
        return sys.modules["heatvit"]
    if program or not _is_there():
        checkout = os.path.join(HOME, "run_sim.sh")
        for candidate in (program,) if program else (shutil.which("run_sim"), checkout if os.path.exists(checkout) else None):
            folders = _folders_beside(candidate) if candidate else ()
            found = next((folder for folder in folders if os.path.exists(os.path.join(folder, "heatvit", "__init__.py"))), None)
            if found:
                sys.path.insert(0, found)
                break
        else:
            raise ValueError((f"--run-sim {program}: the simulator's Python package is not beside it; "
                              if program else "the simulator's Python package is not on the path; ") + ADVICE)
        importlib.invalidate_caches()
    try:
        return importlib.import_module("heatvit")
    except ImportError as error:
        raise ValueError(f"the simulator's Python package cannot be imported ({error}); {ADVICE}") from None


def latency_table(program, model, out):
    """The path of a new latency table of the shipped hardware."""
    path = os.path.join(out, "table.json")
    package(program).table(model, out=path)
    return path


class Images:
    """Images through the simulated hardware, functional mode.

    simulator: what package() gives. labels: CSV or None. wanted: a CSV whose column `file` names the images to use, or None
    for all. limit: at most so many images, evenly spread. items: their paths and classes.
    """

    def __init__(self, simulator, model, weights, images, labels, wanted=None, limit=None, jobs=1):
        self.simulator, self.model, self.weights, self.labelled, self.jobs = simulator, model, weights, bool(labels), jobs
        self.folder, self.items = images, data.list_images(images, labels)
        if wanted:
            with open(wanted, encoding="utf-8", newline="") as file:
                names = {row["file"] for row in csv.DictReader(file)}
            self.keep_only(names.__contains__)
        self.keep_only(lambda name: True, limit)

    def keep_only(self, wanted, limit=None):
        """The images whose names are wanted, at most so many, evenly spread."""
        items = [item for item in self.items if wanted(os.path.basename(item[0]))]
        if not items:
            raise ValueError(f"{self.folder}: no image there that is asked for")
        some = limit and limit < len(items)
        self.items = [items[k * len(items) // limit] for k in range(limit)] if some else items

    def run(self, limit=None, kept=None, **options):
        """A heatvit.RunResult of all images, or of the first `limit`. options: of heatvit.Simulator; kept: of its run()."""
        items = self.items[:limit]
        labels = [label for _, label in items] if self.labelled else None
        with self.simulator.Simulator(self.model, weights=self.weights, jobs=self.jobs, **options) as design:
            return design.run([path for path, _ in items], labels=labels, kept=kept)

    def latency(self, limit=None, **options):
        """Mean latency, ms."""
        return float(self.run(limit, **options).latency_ms.mean())

    def with_backbone_of(self, selectors, folder):
        """The same images, with the tuned backbone of a selector file, which is quantised into the folder."""
        tuned = copy.copy(self)
        tuned.weights = os.path.join(folder, "tuned.safetensors")
        self.simulator.quantize(self.model, weights=self.weights, selector_weights=selectors, out=tuned.weights)
        return tuned

    def calibrate(self, selectors, folder):
        """Activation ranges and bias corrections of the network with a selector file, from these images: JSON. The folder
        is empty, and for the files in between."""
        linked, ranges = os.path.join(folder, "images"), os.path.join(folder, "ranges.json")
        os.makedirs(linked)
        for path, _ in self.items:
            os.symlink(os.path.abspath(path), os.path.join(linked, os.path.basename(path)))
        self.simulator.quantize(self.model, weights=self.weights, selector_weights=selectors, calibrate=linked, ranges_out=ranges,
                                out=os.path.join(folder, "quantised.safetensors"))
        with open(ranges, encoding="utf-8") as file:
            return file.read()
