#!/usr/bin/python3
"""Gives trained selectors the activation ranges and bias corrections of the network that they tune.

Selectors that bring differences for their backbone make it another network, whose ranges are a little different. run_sim
calibrates it on up to 32 photographs, evenly spread over those given, and the result goes into the selector file's metadata,
where run_sim looks for it. Use training images.
"""

import os
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from heatvit_training import options as command_line  # noqa: E402

EPILOG = """example:
  calibrate.py --weights deit_tiny_patch16_224.safetensors --images photographs \\
               --list run1/training.csv --selectors run1/selectors.safetensors --out calibrated.safetensors
"""
MOST = 32  # photographs: what run_sim takes


def parse_arguments(arguments):
    parser = command_line.parser_of(__doc__, EPILOG)
    command_line.add_simulator(parser)
    parser.add_argument("--out", required=True, help="the selectors to write")
    return parser.parse_args(arguments)


def calibrate(options):
    from heatvit_training import simulation, tensors

    images = simulation.Images(simulation.package(options.run_sim), options.model, options.weights, options.images, None,
                               options.list or None, MOST)
    arrays, metadata = tensors.read_safetensors(options.selectors)
    with tempfile.TemporaryDirectory() as scratch:
        metadata["heatvit.ranges"] = images.calibrate(options.selectors, scratch)
    metadata.pop("format", None)
    tensors.write_safetensors(options.out, arrays, metadata)
    print(f"{options.out}: calibrated on {len(images.items)} photographs")


def main(arguments=None):
    options = parse_arguments(arguments)
    return command_line.exit_code_of("calibrate.py", lambda: calibrate(options))


if __name__ == "__main__":
    sys.exit(main())
