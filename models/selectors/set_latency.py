#!/usr/bin/python3
"""Moves the thresholds of trained selectors until the simulator's mean latency over some images is a target.

Training meets its target in float; int8 moves scores near 0.5. One constant is added to the keep logits of all selectors, and
run_sim (functional mode, 8 bit) measures, until the mean latency is within 0.5 % of the target. Use training images.
"""

import argparse
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

EPILOG = """example:
  set_latency.py --run-sim build/tb/run_sim --weights deit_tiny_patch16_224.safetensors --images photographs \\
                 --list run1/training.csv --selectors run1/selectors.safetensors --target-ms 7 --out 7ms.safetensors
"""


def parse_arguments(arguments):
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--model", default="deit-t", help="default %(default)s")
    add("--run-sim", required=True, help="the program")
    add("--weights", required=True, help="the backbone: safetensors, timm's names")
    add("--selectors", required=True, help="trained selectors")
    add("--images", required=True, help="folder of images")
    add("--list", default="", help="CSV whose column `file` names the images to use (default: all)")
    add("--limit", type=int, default=150, help="at most so many of them, evenly spread (default %(default)s)")
    add("--target-ms", type=float, required=True, help="mean latency wanted, milliseconds")
    add("--jobs", type=int, default=1, help="processes of run_sim (default %(default)s)")
    add("--out", required=True, help="the selectors to write")
    return parser.parse_args(arguments)


def main(arguments=None):
    options = parse_arguments(arguments)
    from heatvit import simulator, tensors

    try:
        arrays, metadata = tensors.read_safetensors(options.selectors)
        with tempfile.TemporaryDirectory() as scratch:
            run_sim = simulator.Simulator(options.run_sim, options.model, options.weights, options.images, None, scratch,
                                          options.list or None, options.limit, options.jobs)
            path = os.path.join(scratch, "selectors.safetensors")

            def measure(amount):
                tensors.write_safetensors(path, simulator.shifted(arrays, amount), metadata)
                summary = run_sim.run("--selector-weights", path)["summary"]
                print(f"shift {amount:+.4f}: {summary['latency_ms']['mean']:.3f} ms", file=sys.stderr)
                return summary["latency_ms"]["mean"]

            amount, reached = simulator.approach(measure, options.target_ms)
        metadata["heatvit.latency"] = f"{reached:.3f} ms, simulated, mean of {len(run_sim.items)} training images"
        tensors.write_safetensors(options.out, simulator.shifted(arrays, amount), metadata)
    except (ValueError, OSError, KeyError, subprocess.CalledProcessError) as error:
        print(f"set_latency.py: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    print(f"{options.out}: {reached:.3f} ms, shift {amount:+.4f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
