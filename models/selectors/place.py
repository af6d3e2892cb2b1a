#!/usr/bin/python3
"""Decides where token selectors stand and how much each prunes, for a latency: the first half of docs/training.md.

Writes plan.json (positions, cumulative keep ratios, and why) and selectors.safetensors (after their warm start) to --out;
`train.py --plan FOLDER` trains them together.
"""

import dataclasses
import json
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from heatvit_training import options as command_line  # noqa: E402
from heatvit_training import runtime  # noqa: E402  (before torch)

EPILOG = """example:
  run_sim table --model deit-t --out table.json
  place.py --weights deit_tiny_patch16_224.safetensors --images photographs --labels labels.csv --table table.json \\
           --target-ms 3.9 --out plan
  train.py --plan plan --weights deit_tiny_patch16_224.safetensors --images photographs --labels labels.csv --table table.json \\
           --target-ms 3.9 --out run1
"""


def parse_arguments(arguments):
    parser = command_line.parser_of(__doc__, EPILOG)
    command_line.add_training(parser)
    add = parser.add_argument
    add("--most", type=int, default=3, help="selectors at most; candidates are the blocks from --first on (default %(default)s)")
    add("--crops", type=int, default=96, help="training images on which accuracy is judged (default %(default)s)")
    add("--warm-crops", type=int, default=256, help="training images of the warm start (default %(default)s)")
    add("--price", type=float, default=0.03, help="of a millisecond in divergence, at first (default %(default)s)")
    return parser.parse_args(arguments)


def plan(options):
    from heatvit_training import export, setup, strategy, tensors, trainer
    from heatvit_training.pruned import PrunedViT
    start = time.monotonic()
    backbone = setup.frozen_backbone(options.model, options.weights)
    model = PrunedViT(backbone, positions=range(options.first, backbone.config.depth + 1))
    split = setup.Split(options.images, options.labels, options.validation_share, "", options.seed)
    cache = setup.teacher_crops(backbone, options.first, split.items, 1, options.weights, options.cache)
    training = cache.of(split.training)
    settings = trainer.Settings(warm_images=options.warm_crops, warm_epochs=8, seed=options.seed)
    settings.keep_ratios = tuple(1 - 0.7 * (k + 1) / len(model.selectors) for k in range(len(model.selectors)))
    trainer.warm_start(model, training, settings)
    judged = training.rows(slice(-options.crops, None))
    found = strategy.search(
        strategy.Placement(model, judged, options.table), options.target_ms, options.most,
        price=options.price,
        report=lambda line: print(line, flush=True),
    )
    chosen = PrunedViT(backbone, positions=found.positions, prefix_block=options.first)
    for selector, block in zip(chosen.selectors, found.positions):
        selector.load_state_dict(model.selectors[model.config.selectors.index(block)].state_dict())
    strategy.set_thresholds(chosen, training, [found.ratios[block] for block in found.positions])
    export.save_selectors(chosen, os.path.join(options.out, "selectors.safetensors"), {}, "none: before training")
    document = {**dataclasses.asdict(found), "positions": found.positions, "target_ms": options.target_ms,
                "minutes": (time.monotonic() - start) / 60, "peak_megabytes": runtime.peak_megabytes()}
    tensors.write_text(os.path.join(options.out, "plan.json"), json.dumps(document, indent=1) + "\n")


def main(arguments=None):
    options = parse_arguments(arguments)
    runtime.configure(options.threads, options.seed)

    def body():
        command_line.expect_latency(options)
        plan(options)

    return command_line.exit_code_of("place.py", body)


if __name__ == "__main__":
    sys.exit(main())
