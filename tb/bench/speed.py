#!/usr/bin/env python3
"""How fast the simulator is: prints one table line a case, from the JSON reports' own clock ("wall_s").

  tb/bench/speed.py                          timing mode, all models and some tilings
  tb/bench/speed.py --weights W --images DIR also functional mode on 100 photographs

Each case runs several times; the fastest counts, since other work on the machine only ever adds time.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

HOME = pathlib.Path(__file__).resolve().parents[2]
TIMING_REPEATS = 7
FUNCTIONAL_IMAGES = 100


def run(arguments):
    """The JSON report of one run; ends the program with run_sim's own message when it fails."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "run.json")
        process = subprocess.Popen([HOME / "run_sim.sh", *arguments, "--quiet", "--json", path])
        _, status, usage = os.wait4(process.pid, 0)
        if status != 0:
            sys.exit(os.waitstatus_to_exitcode(status))
        with open(path, encoding="utf-8") as file:
            report = json.load(file)
        report["peak_kib"] = usage.ru_maxrss
        return report


def fastest(arguments, repeats):
    return min((run(arguments) for _ in range(repeats)), key=lambda report: report["simulation"]["wall_s"])


def measure(name, arguments, repeats):
    report = fastest(arguments, repeats)
    simulation, summary = report["simulation"], report["summary"]
    images, wall_s, tiles = summary["images"], simulation["wall_s"], simulation["tiles"]
    print(f"{name:<36}{images:>7}{wall_s / images * 1e3:>10.2f}{wall_s / tiles * 1e6:>9.2f}{tiles / images:>10.0f}"
          f"{summary['latency_ms']['mean']:>14.3f}{report['peak_kib'] / 1024:>10.0f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", help="DeiT-T safetensors, for the functional case")
    parser.add_argument("--images", help="folder of photographs, for the functional case")
    options = parser.parse_args()
    subprocess.run([HOME / "run_sim.sh", "--version"], check=True, stdout=subprocess.DEVNULL)  # builds, if it has to
    print(f"{'case':<36}{'images':>7}{'ms/image':>10}{'us/tile':>9}{'tiles':>10}{'simulated ms':>14}{'peak MiB':>10}")
    for model in ("deit-t", "deit-s", "deit-b", "lv-vit-s", "lv-vit-m"):
        measure(f"timing {model}", ["--model", model], TIMING_REPEATS)
        measure(f"timing {model}, pruned", ["--model", model, "--prune-rates", "0.3,0.51,0.657"], TIMING_REPEATS)
    for m, k, n in ((197, 128, 128), (96, 96, 96), (64, 64, 64), (32, 32, 32)):
        tiles = ["--tile.m", str(m), "--tile.k", str(k), "--tile.n", str(n)]
        measure(f"timing deit-s, tiles {m} x {k} x {n}", ["--model", "deit-s", *tiles], TIMING_REPEATS)
    if options.weights and options.images:
        case = ["--model", "deit-t", "--weights", options.weights, "--images", options.images,
                "--limit", str(FUNCTIONAL_IMAGES)]
        measure("functional deit-t", case, 1)


if __name__ == "__main__":
    main()
