#!/usr/bin/env python3
"""What the Python package costs over the program: python.py RUN_SIM WEIGHTS IMAGES [--images N] [--calls N].

With the package on the path (./run_sim.sh python tb/bench/python.py ...). Prints wall and CPU seconds, of all processes, of
`sim.run` and of the program over the same images, and of many latencies and the sweep of the same designs; and whether replayed
decisions of trained selectors give the same logits.
"""

import argparse
import concurrent.futures
import os
import resource
import subprocess
import sys
import tempfile
import time

import heatvit


class Clock:
    """Wall and CPU seconds, of this process and of those that it has waited for."""

    @staticmethod
    def cpu():
        usages = (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
        return sum(usage.ru_utime + usage.ru_stime for usage in usages)

    def __enter__(self):
        self.wall, self.used = time.monotonic(), self.cpu()
        return self

    def __exit__(self, *_):
        self.wall, self.used = time.monotonic() - self.wall, self.cpu() - self.used


def report(what, clock, base=None):
    change = "" if base is None else f"   {100 * (clock.wall / base.wall - 1):+.1f} % wall, {100 * (clock.used / base.used - 1):+.1f} % CPU"
    print(f"{what:44} {clock.wall:8.2f} s {clock.used:8.2f} s CPU{change}", flush=True)


def images(options):
    names = sorted(os.listdir(options.images_folder))[: options.images]
    paths = [os.path.join(options.images_folder, name) for name in names]
    command = [options.run_sim, "--model", "deit-t", "--weights", options.weights, "--images", options.images_folder,
               "--limit", str(len(paths)), "--quiet"]
    for _ in range(options.repeats):
        with tempfile.TemporaryDirectory() as folder, Clock() as program:
            subprocess.run([*command, "--logits", "--json", os.path.join(folder, "r.json")], check=True)
        report(f"program, {len(paths)} images", program)
        with Clock() as first:
            with heatvit.Simulator("deit-t", weights=options.weights) as sim:
                sim.run(paths)
        report("sim.run, process and all", first, program)


def replay(options):
    """Decisions of the shipped selectors as indices: the same logits and cycles?"""
    paths = [os.path.join(options.images_folder, name) for name in sorted(os.listdir(options.images_folder))[: options.images]]
    with heatvit.Simulator("deit-t", weights=options.weights, selector_weights="deit-t", jobs=2) as trained:
        made = trained.run(paths)
    with heatvit.Simulator("deit-t", weights=options.weights, selector_weights="deit-t", scorer="heatvit", jobs=2) as simulator:
        again = simulator.run(paths, kept=made.kept)
    same = (made.logits == again.logits).all(axis=1).sum(), (made.cycles == again.cycles).sum()
    print(f"replayed decisions, {len(paths)} images, {len({tuple(c) for c in made.kept_counts.tolist()})} different counts: "
          f"the same logits for {same[0]}, the same cycles for {same[1]}", flush=True)


def designs(count):
    clocks = [100 + place / 4 for place in range(50)]
    return [{"pl.clock_mhz": clocks[place % 50], "vec.lanes": lanes, "buffer.input": slots}
            for place, lanes, slots in ((p, (16, 32, 48, 64)[p // 50 % 4], 2 + p // 200) for p in range(count))]


def latencies(options):
    rates = [.3, .51, .657]
    axes = {"pl.clock_mhz": [100 + place / 4 for place in range(50)], "vec.lanes": [16, 32, 48, 64],
            "buffer.input": [2 + place for place in range(options.calls // 200)]}
    for _ in range(options.repeats):
        with Clock() as sweep:
            points = heatvit.sweep(axes, "deit-s", prune_rates=rates, device="none", jobs=2)
        report(f"sweep, {len(points)} points, 2 jobs", sweep)
        with Clock() as many:
            heatvit.latency("deit-s", designs(options.calls), prune_rates=rates, device="none", jobs=2)
        report("latency() of a list, 2 jobs", many, sweep)
        with Clock() as calls, concurrent.futures.ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda design: heatvit.latency("deit-s", design, prune_rates=rates, device="none"), designs(options.calls)))
        report("as many calls of latency(), 2 threads", calls, sweep)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run_sim")
    parser.add_argument("weights")
    parser.add_argument("images_folder")
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--calls", type=int, default=1000, help="a multiple of 200")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--what", choices=("images", "latencies", "replay", "all"), default="all")
    options = parser.parse_args()
    for name, measure in (("images", images), ("latencies", latencies), ("replay", replay)):
        if options.what in (name, "all"):
            measure(options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
