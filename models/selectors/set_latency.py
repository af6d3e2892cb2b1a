#!/usr/bin/python3
"""Moves the thresholds of trained selectors until the simulator's mean latency over some images is a target.

Training meets its target in float; int8 moves scores near 0.5. One constant is added to the keep logits of all selectors, and
the simulator (functional mode, 8 bit) measures, until the mean latency is within 0.5 % of the target. Use training images.
"""

import os
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from heatvit_training import options as command_line  # noqa: E402

EPILOG = """example:
  set_latency.py --weights deit_tiny_patch16_224.safetensors --images photographs \\
                 --list run1/training.csv --selectors run1/selectors.safetensors --target-ms 3.6 --out faster.safetensors
"""


def parse_arguments(arguments):
    parser = command_line.parser_of(__doc__, EPILOG)
    command_line.add_simulator(parser)
    add = parser.add_argument
    add("--limit", type=int, default=150, help="at most so many images, evenly spread (default %(default)s)")
    add("--target-ms", type=float, required=True, help="mean latency wanted, milliseconds")
    add("--out", required=True, help="the selectors to write")
    return parser.parse_args(arguments)


def set_latency(options):
    from heatvit_training import simulation, tensors, thresholds

    arrays, metadata = tensors.read_safetensors(options.selectors)
    images = simulation.Images(simulation.package(options.run_sim), options.model, options.weights, options.images, None,
                               options.list or None, options.limit, options.jobs)
    with tempfile.TemporaryDirectory() as scratch:
        dense = images.latency(1)
        if not 0 < options.target_ms < dense:
            raise ValueError(f"--target-ms {options.target_ms:g}: less than the {dense:.3f} ms of the unpruned network is needed")
        path = os.path.join(scratch, "selectors.safetensors")

        def measure(amount):
            tensors.write_safetensors(path, thresholds.shifted(arrays, amount), metadata)
            mean = images.latency(selector_weights=path)
            print(f"shift {amount:+.4f}: {mean:.3f} ms", file=sys.stderr)
            return mean

        amount, reached = thresholds.approach(measure, options.target_ms)
    metadata["heatvit.latency"] = f"{reached:.3f} ms, simulated, mean of {len(images.items)} training images"
    tensors.write_safetensors(options.out, thresholds.shifted(arrays, amount), metadata)
    print(f"{options.out}: {reached:.3f} ms, shift {amount:+.4f}")


def main(arguments=None):
    options = parse_arguments(arguments)
    return command_line.exit_code_of("set_latency.py", lambda: set_latency(options))


if __name__ == "__main__":
    sys.exit(main())
