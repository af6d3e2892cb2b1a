#!/usr/bin/python3
"""Moves the operating points of trained selectors until each saves what its name says: 50 is half of the products.

train.py sets them in float on some centre crops; int8 moves scores, and the photographs that the network will see may be harder
than those. A constant is added to the keep logits of each point, and the simulator (functional mode, 8 bit) counts products, until
their mean is within 0.3 % of the target. Use training images.
"""

import fnmatch
import os
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from heatvit_training import options as command_line  # noqa: E402

TOLERANCE = 0.003  # of the products that stay, relative

EPILOG = """example:
  set_points.py --weights deit_tiny_patch16_224.safetensors --images photographs --list run1/training.csv \\
                --selectors calibrated.safetensors --out selectors.safetensors
"""


def parse_arguments(arguments):
    parser = command_line.parser_of(__doc__, EPILOG)
    command_line.add_simulator(parser)
    add = parser.add_argument
    add("--names", default="*", help="only images with such names, e.g. 'imagen_*' (default: all)")
    add("--limit", type=int, default=150, help="at most so many images, evenly spread (default %(default)s)")
    add("--margin", type=float, default=0.0, metavar="PERCENT", help="save so much more than the name says, 0 to 5: of other "
        "photographs a little less may go (default %(default)s)")
    add("--out", required=True, help="the selectors to write")
    return parser.parse_args(arguments)


def kept_by(name, margin):
    """The share of the products that a point of this name keeps, where `margin` percent of all are to go besides."""
    if not name.isdigit() or not 0 < int(name) < 100:
        raise ValueError(f"operating point '{name}': its name must say what it saves, 1 to 99 percent")
    if not (0 <= margin <= 5 and int(name) + margin < 100):
        raise ValueError(f"--margin {margin}: 0 to 5 percent are possible, below 100 with what a name says")
    return 1 - (int(name) + margin) / 100


def products(images, **options):
    return images.run(**options).report["summary"]["gmacs_mean"]


def set_points(options):
    from heatvit_training import export, points, simulation, tensors, thresholds

    arrays, metadata = tensors.read_safetensors(options.selectors)
    found = points.parse(metadata.get(export.POINTS, ""))
    own = next((name for name, shifts in found.items() if not any(shifts)), None)
    if own is None:
        raise ValueError(f"{options.selectors} has no operating points: train.py --saved makes some")
    images = simulation.Images(simulation.package(options.run_sim), options.model, options.weights, options.images, None,
                               options.list or None, None, options.jobs)
    images.keep_only(lambda name: fnmatch.fnmatch(name, options.names), options.limit)
    dense, moved = products(images, limit=1), {}
    with tempfile.TemporaryDirectory() as scratch:
        path = os.path.join(scratch, "selectors.safetensors")
        for name, shifts in found.items():
            def measure(amount, name=name, shifts=shifts):
                text = points.text_of({name: tuple(shift + amount for shift in shifts)})
                tensors.write_safetensors(path, arrays, {**metadata, export.POINTS: text})
                share = products(images, selector_weights=f"{path}@{name}") / dense
                print(f"{name}: shift {amount:+.4f}, {100 * (1 - share):.1f} % fewer products", file=sys.stderr)
                return share

            target = kept_by(name, options.margin)
            amount, share = thresholds.approach(measure, target, TOLERANCE)
            moved[name] = tuple(shift + amount for shift in shifts)
            missed = "" if abs(share / target - 1) <= TOLERANCE else ", the closest that was found"
            print(f"{name}: shift {amount:+.4f}, {100 * (1 - share):.1f} % fewer products over {len(images.items)} images{missed}")
    level = moved[own][0]
    metadata[export.POINTS] = points.text_of({name: tuple(shift - level for shift in shifts) for name, shifts in moved.items()})
    metadata.pop("format", None)
    tensors.write_safetensors(options.out, thresholds.shifted(arrays, level), metadata)


def main(arguments=None):
    options = parse_arguments(arguments)
    return command_line.exit_code_of("set_points.py", lambda: set_points(options))


if __name__ == "__main__":
    sys.exit(main())
