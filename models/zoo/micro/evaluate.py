#!/usr/bin/python3
"""The figures of docs/deit-micro.md: runs the simulator over a folder of pictures and prints tables in Markdown.

    ./evaluate.py ../../../build/release/bin/run_sim                                   the shipped pictures
    ./generate.py --count 2000 --seed 3 --out others/images --labels others/labels.csv --details others/details.csv
    ./evaluate.py ../../../build/release/bin/run_sim --pictures others                 2000 others
"""
import argparse
import csv
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
RATES = {"30 %": "0.15,0.225,0.3", "50 %": "0.25,0.375,0.5", "70 %": "0.35,0.525,0.7"}  # cumulative; the last as named
RANDOM_SEEDS = range(1, 6)


class Simulator:
    def __init__(self, program, pictures, jobs):
        self.command = [program, "--model", "deit-micro", "--images", str(pictures / "images"), "--labels",
                        str(pictures / "labels.csv"), "--quiet", "--jobs", str(jobs)]

    def run(self, *options):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "run.json")
            subprocess.run([*self.command, "--json", path, *options], check=True)
            with open(path, encoding="utf-8") as file:
                return json.load(file)


def row(name, runs):
    """A line of the table; figures are means over the runs."""
    summary = [run["summary"] for run in runs]
    mean = lambda values: float(np.mean(list(values)))  # noqa: E731
    tokens = mean(image["tokens"][-1] for run in runs for image in run["images"])
    return (f"| {name} | {100 * mean(s['top1'] for s in summary):.1f} % | {tokens:.1f} | "
            f"{1000 * mean(s['gmacs_mean'] for s in summary):.1f} | {mean(s['latency_ms']['mean'] for s in summary):.3f} | "
            f"{min(s['latency_ms']['p50'] for s in summary):.3f} | {max(s['latency_ms']['max'] for s in summary):.3f} |")


def accuracy_table(simulator, dense, adaptive):
    lines = ["| run | top-1 | tokens at the end | MMAC | ms, mean | p50 | max |", "|---|---|---|---|---|---|---|",
             row("unpruned", [dense]), row("selectors, threshold", [adaptive])]
    for name, rates in RATES.items():
        for scorer in ("heatvit", "cls-attention"):
            run = simulator.run("--prune-rates", rates, "--scorer", scorer)
            lines.append(row(f"{name}, {'selectors' if scorer == 'heatvit' else scorer}", [run]))
        runs = [simulator.run("--prune-rates", rates, "--scorer", "random", "--seed", str(seed)) for seed in RANDOM_SEEDS]
        lines.append(row(f"{name}, random ({len(runs)} seeds)", runs))
    return "\n".join(lines)


def margins(run):
    """Difference of the two largest logits of each image."""
    return [image["top5"][0]["score"] - image["top5"][1]["score"] for image in run["images"]]


def ranks(values):
    """Ranks from 0; equal values share their mean rank."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts + 1) / 2)[inverse]


def adaptivity(pictures, dense, adaptive):
    kept = np.array([[len(stage) for stage in image["kept"]] for image in adaptive["images"]])
    lines = ["| patches kept | least | 10 % | median | 90 % | most |", "|---|---|---|---|---|---|"]
    for stage in range(kept.shape[1]):
        figures = np.percentile(kept[:, stage], (0, 10, 50, 90, 100))
        lines.append(f"| behind selector {stage + 1} | " + " | ".join(f"{figure:.0f}" for figure in figures) + " |")
    with open(pictures / "details.csv", encoding="utf-8", newline="") as file:
        details = {line["file"]: line for line in csv.DictReader(file)}
    lines += ["", "| rank correlation of the patches kept behind the last selector with | |", "|---|---|"]
    names = [image["file"] for image in adaptive["images"]]
    columns = {"difficulty (clutter, texture, noise, contrast)": "difficulty", "size of the shape": "size",
               "patches that show the shape": "shape_patches"}
    values = {title: [float(details[name][key]) for name in names] for title, key in columns.items()}
    values["margin of the unpruned network's first class"] = margins(dense)
    for title, column in values.items():
        lines.append(f"| {title} | {np.corrcoef(ranks(kept[:, -1]), ranks(column))[0, 1]:+.2f} |")
    counts, edges = np.histogram(kept[:, -1], bins=range(0, 72, 8))
    lines += ["", "Pictures by patches kept behind the last selector: " +
              ", ".join(f"{low} to {high - 1}: {count}" for count, low, high in zip(counts, edges, edges[1:]))]
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", help="the built run_sim")
    parser.add_argument("--pictures", type=pathlib.Path, default=HERE, help="folder with images/, labels.csv, details.csv")
    parser.add_argument("--jobs", type=int, default=2, help="processes (default 2)")
    options = parser.parse_args()
    simulator = Simulator(options.program, options.pictures, options.jobs)
    dense, adaptive = simulator.run("--scorer", "none"), simulator.run()
    print(accuracy_table(simulator, dense, adaptive) + "\n\n" + adaptivity(options.pictures, dense, adaptive))
    return 0


if __name__ == "__main__":
    sys.exit(main())
