#!/usr/bin/env python3
"""What a user waits for, as a table in Markdown: this build alone, or beside another one.

  tb/bench/speed.py                                         this checkout's program
  tb/bench/speed.py --old PROGRAM --old-home CHECKOUT       an older one in turns with it: medians, and their ratio
  tb/bench/speed.py --only timing,table --repeats 11        rows whose name begins so

Hardware: configs/first-generation-MODEL.ini, which older programs have as their configs/heatvit-MODEL.ini. Weights are
synthetic and pictures are the project's own, so that no other file is needed; --weights and --images DIR take DeiT-T's and
photographs instead. Both programs answer each case once a round, so what else the machine does meets both. Where both
simulate, their cycles must agree, or the row says so. docs/speed.md says what limits each row.
"""
import argparse
import dataclasses
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

HOME = pathlib.Path(__file__).resolve().parents[2]
PICTURES = HOME / "models/zoo/micro/images"
SWEEP = """
[sweep]
model = deit-s
method = grid
[axis]
axi.read_latency_cycles = 8:17:1
axi.outstanding = {outstanding}
ddr.controller_ns = {controller}
"""


@dataclasses.dataclass
class Program:
    """A run_sim with its home and the configuration that stands for the first generation there."""

    path: str
    home: pathlib.Path

    def config(self, model):
        first = self.home / f"configs/first-generation-{model}.ini"
        return first if first.exists() else self.home / f"configs/heatvit-{model}.ini"

    def run(self, folder, arguments, environment=None):
        """Elapsed and CPU seconds, largest resident size in MiB."""
        begin = time.monotonic()
        child = subprocess.Popen(
            [self.path, *map(str, arguments), "--quiet"],
            env={**os.environ, "HEATVIT_HOME": str(self.home), "HEATVIT_CACHE": "", **(environment or {})},
            stdout=subprocess.DEVNULL, cwd=folder)
        _, status, usage = os.wait4(child.pid, 0)
        if status != 0:
            sys.exit(f"{self.path} {' '.join(map(str, arguments))}: exit code {os.waitstatus_to_exitcode(status)}")
        return time.monotonic() - begin, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def simulated(model, *arguments):
    """ms an image of the simulation alone, by the report's own clock; and what it simulated."""

    def measure(program, folder):
        path = pathlib.Path(folder) / "run.json"
        program.run(folder, ["--model", model, "--config", program.config(model), *arguments, "--json", path])
        report = json.loads(path.read_text(encoding="utf-8"))
        return report["simulation"]["wall_s"] / report["summary"]["images"] * 1e3, report["summary"]["latency_ms"]["mean"]

    return measure


def elapsed(command, model, *arguments, runs=1, cached=False):
    """Seconds until the last of so many runs of a command ends; `cached`: with a cache that is empty before."""

    def measure(program, folder):
        path = pathlib.Path(folder)
        environment = {"HEATVIT_CACHE": str(path / "cache")} if cached else None
        for run in range(runs):
            own = [str(a).format(run=run) for a in arguments]
            seconds = program.run(folder, [*command, "--model", model, "--config", program.config(model), *own],
                                  environment)[0]
        return seconds, None

    return measure


def sweep(points, jobs):
    """Seconds for a sweep over the port and the memory controller, tiles of 80^3."""

    def measure(program, folder):
        path = pathlib.Path(folder)
        tens = max(1, round((points / 10) ** 0.5))
        text = SWEEP.format(outstanding=f"1:{tens}:1", controller=f"20:{19 + max(1, points // 10 // tens)}:1")
        fixed = program.config("deit-s").read_text(encoding="utf-8")
        for key in ("m", "k", "n"):
            fixed = "\n".join(f"{key} = 80" if line.replace(" ", "").startswith(f"{key}=") else line
                              for line in fixed.split("\n"))
        (path / "sweep.ini").write_text(text + fixed, encoding="utf-8")
        return program.run(folder, ["sweep", "--config", "sweep.ini", "--out", "sweep.sqlite", "--jobs", jobs])[0], None

    return measure


def peak(model):
    """MiB of one functional image."""

    def measure(program, folder):
        return program.run(folder, ["--model", model, "--config", program.config(model), "--weights", "synthetic:1",
                                    "--image", PICTURES / "000_circle_filled.jpg"])[2], None

    return measure


def cases(options):
    tiles = lambda side: [part for key in ("m", "k", "n") for part in (f"--tile.{key}", side)]
    pictures = ["--images", options.images or PICTURES, "--limit", "20"]
    deit_t = ["--weights", options.weights or "synthetic:1", *pictures]
    return {
        "timing, DeiT-S": ("ms", simulated("deit-s")),
        "timing, DeiT-S, pruned": ("ms", simulated("deit-s", "--prune-rates", "0.3,0.51,0.657")),
        "timing, DeiT-S on tiles of 64^3": ("ms", simulated("deit-s", *tiles(64))),
        "timing, DeiT-S on tiles of 32^3": ("ms", simulated("deit-s", *tiles(32))),
        "functional, DeiT-T, 20 pictures": ("ms an image", simulated("deit-t", *deit_t)),
        "functional, DeiT-S, 20 pictures": ("ms an image", simulated("deit-s", "--weights", "synthetic:1", *pictures)),
        f"sweep, {options.points} points": ("s", sweep(options.points, options.jobs)),
        "table of DeiT-S, all counts": ("s", elapsed(["table"], "deit-s", "--out", "t{run}.json", "--jobs", options.jobs)),
        "array of 40 outputs, first run": ("s", elapsed([], "deit-s", "--pe.to", 40, cached=True)),
        "array of 40 outputs, second run": ("s", elapsed([], "deit-s", "--pe.to", 40, runs=2, cached=True)),
        "peak memory, DeiT-B functional": ("MiB", peak("deit-b")),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--new", help="program to measure; default: run_sim.sh of this checkout, built if it has to be")
    parser.add_argument("--old", help="program to compare with")
    parser.add_argument("--old-home", type=pathlib.Path, help="its checkout")
    parser.add_argument("--weights", help="DeiT-T safetensors; default: synthetic")
    parser.add_argument("--images", help="folder of photographs; default: the project's pictures")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--points", type=int, default=100, help="of the sweep")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", help="rows whose names begin so, separated by commas")
    options = parser.parse_args()
    if options.old and not options.old_home:
        parser.error("--old needs --old-home")
    new = options.new or str(HOME / "run_sim.sh")
    subprocess.run([new, "--version"], check=True, stdout=subprocess.DEVNULL)  # builds, if it has to
    programs = [Program(options.old, options.old_home)] if options.old else []
    programs.append(Program(new, HOME))
    print("| what | unit | old | new | old / new |\n|---|---|---|---|---|" if options.old else
          "| what | unit | median | least |\n|---|---|---|---|", flush=True)
    for name, (unit, measure) in cases(options).items():
        if options.only and not any(name.startswith(part) for part in options.only.split(",")):
            continue
        figures = [[] for _ in programs]
        answers = set()
        for _ in range(options.repeats):
            for program, own in zip(programs, figures):
                with tempfile.TemporaryDirectory() as folder:
                    figure, answer = measure(program, folder)
                    own.append(figure)
                    answers.add(answer)
        medians = [statistics.median(own) for own in figures]
        if options.old:
            ratio = statistics.median(a / b for a, b in zip(*figures))
            note = "" if len(answers) == 1 else " (cycles differ)"
            print(f"| {name}{note} | {unit} | {medians[0]:.4g} | {medians[1]:.4g} | {ratio:.2f} |", flush=True)
        else:
            print(f"| {name} | {unit} | {medians[0]:.4g} | {min(figures[0]):.4g} |", flush=True)


if __name__ == "__main__":
    main()
