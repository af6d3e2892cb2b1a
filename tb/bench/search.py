#!/usr/bin/env python3
"""NSGA-II against random sampling and Latin hypercubes at the same budget, and against the full grid.

    tb/bench/search.py [--run-sim PROGRAM] [--budget 500] [--seeds 10] [--jobs 2] [--folder DIR]

The space: 5,000 DeiT-S designs, pruned 0.3/0.51/0.657, within 80 % of the ZU9EG's DSP slices and block RAMs. Objectives:
latency, DSP, BRAM18K (both estimates). Measure: hypervolume below the fixed point REFERENCE, as a share of the grid's.
With --folder, results are kept and a second run continues them. Prints a table in Markdown.
"""

import argparse
import pathlib
import re
import statistics
import subprocess
import tempfile

SPACE = """
[sweep]
model = deit-s
prune-rates = 0.3,0.51,0.657
method = {method}
samples = {budget}
seed = {seed}
population = 40
objectives = latency_ms,dsp,bram18k
[axis]
pe.ti = 4; 8; 12; 16; 20
pe.to = 8; 16; 24; 32; 40
tile.m = 64; 99; 128; 160; 197
tile.n = 64; 96; 128; 192; 256
vec.lanes = 4; 8; 16; 32
accel.layernorm = cpu; pl
[limit]
dsp = 2016
bram18k = 1459
"""
REFERENCE = "80,2016,1459"
METHODS = ("nsga2", "random", "latin")


def hypervolume(program, folder, method, budget, seed, jobs):
    """Of what the method finds."""
    name = method if method == "grid" else f"{method}-{budget}-{seed}"
    config, store = folder / f"{name}.ini", folder / f"{name}.sqlite"
    config.write_text(SPACE.format(method=method, budget=budget, seed=seed), encoding="utf-8")
    subprocess.run([program, "sweep", "--config", config, "--out", store, "--jobs", str(jobs), "--quiet"], check=True)
    output = subprocess.run(
        [program, "pareto", store, "--reference", REFERENCE], check=True, capture_output=True, text=True
    ).stdout
    return float(re.search(r"hypervolume (\S+)", output)[1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run-sim", default="run_sim")
    parser.add_argument("--budget", type=int, default=500)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--folder")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(arguments.folder or temporary)
        folder.mkdir(parents=True, exist_ok=True)
        whole = hypervolume(arguments.run_sim, folder, "grid", 1, 1, arguments.jobs)
        print(f"full grid: hypervolume {whole:.6g} below {REFERENCE}\n")
        print("| seed | " + " | ".join(METHODS) + " |\n|---|" + "---|" * len(METHODS))
        shares = {method: [] for method in METHODS}
        for seed in range(1, arguments.seeds + 1):
            for method in METHODS:
                found = hypervolume(arguments.run_sim, folder, method, arguments.budget, seed, arguments.jobs)
                shares[method].append(found / whole)
            print(f"| {seed} | " + " | ".join(f"{shares[m][-1]:.2%}" for m in METHODS) + " |", flush=True)
        for label, of in (("worst", min), ("median", statistics.median), ("best", max)):
            print(f"| {label} | " + " | ".join(f"{of(shares[m]):.2%}" for m in METHODS) + " |")
        wins = sum(a > b for a, b in zip(shares["nsga2"], shares["random"]))
        print(f"\nNSGA-II is ahead of random sampling for {wins} of {arguments.seeds} seeds.")


if __name__ == "__main__":
    main()
