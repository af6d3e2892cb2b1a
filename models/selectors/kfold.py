#!/usr/bin/python3
"""Trains token selectors N times, each time without one Nth of the classes, and judges all images by the selectors that have
not seen them: 8 bit, through the simulator, beside unpruned, CLS attention and random choice at the same mean tokens.

Every option that is not listed below goes to train.py. A fold that was trained already is not trained again. Writes fold-K/
(of train.py, with calibrated.safetensors of calibrate.py), kfold.json and kfold.svg.
"""

import json
import os
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from heatvit_training import options as command_line  # noqa: E402
from heatvit_training import runtime  # noqa: E402  (before torch)

EPILOG = """example:
  kfold.py --folds 4 --weights deit_tiny_patch16_224.safetensors --images photographs \\
           --labels labels.csv --table table.json --target-ms 3.9 --tune 1e-3 --out folds
"""
CALIBRATED = "calibrated.safetensors"


def parse_arguments(arguments):
    parser = command_line.parser_of(__doc__, EPILOG)
    command_line.add_training(parser)
    add = parser.add_argument
    add("--folds", type=int, default=4, help="default %(default)s")
    add("--seeds", type=int, default=5, help="of the random choice (default %(default)s)")
    add("--shifts", default="0", help="of the keep logits, the same for all folds, a point each (default %(default)s)")
    add("--merged", default="", help="token merging (ToMe), so many in each block, a point each, e.g. 4,8,13 (default: leave it out)")
    add("--jobs", type=int, default=1, help="processes of run_sim (default %(default)s)")
    return parser.parse_known_args(arguments)


def train_folds(options, more):
    import calibrate
    import train
    from heatvit_training import simulation

    os.makedirs(options.out, exist_ok=True)
    if options.target_ms and not options.table:  # one for all folds
        options.table = simulation.latency_table(options.run_sim, options.model, options.out)
    shared = ["--model", options.model, "--weights", options.weights, "--images", options.images, "--labels", options.labels,
              "--table", options.table, "--target-ms", str(options.target_ms), "--first", str(options.first),
              "--seed", str(options.seed), "--threads", str(options.threads), "--resume", *more]
    shared += ["--cache", options.cache] if options.cache else []
    folders = [os.path.join(options.out, f"fold-{k}") for k in range(options.folds)]
    for k, folder in enumerate(folders):
        if not os.path.exists(os.path.join(folder, "report.json")):
            print(f"fold {k + 1} of {options.folds}", flush=True)
            if code := train.main([*shared, "--fold", f"{k}/{options.folds}", "--out", folder]):
                raise SystemExit(code)
        code = calibrate.main(["--model", options.model, "--run-sim", options.run_sim, "--weights", options.weights, "--images",
                               options.images, "--list", os.path.join(folder, "training.csv"), "--selectors",
                               os.path.join(folder, "selectors.safetensors"), "--out", os.path.join(folder, CALIBRATED)])
        if code:
            raise SystemExit(code)
    return folders


def judge(options, folder):
    """Points of fronts.py for the images that this fold's selectors have not seen."""
    import fronts
    from heatvit_training import config, simulation

    options.selectors = os.path.join(folder, CALIBRATED)
    simulator = simulation.Images(simulation.package(options.run_sim), options.model, options.weights, options.images, options.labels,
                                  os.path.join(folder, "validation.csv"), jobs=options.jobs)
    with tempfile.TemporaryDirectory() as scratch:
        return fronts.trained_and_matched(simulator, options, config.find(options.model).patches, scratch)


def together(folds):
    """Means over all images of the points of each fold; `right`: fold after fold; adaptivity over all of them."""
    from fronts import adaptivity

    whole = []
    for number, points in enumerate(zip(*folds)):
        counts = [len(point["right"]) for point in points]

        def mean(values):
            return sum(value * count for value, count in zip(values, counts)) / sum(counts)

        whole.append({
            "method": points[0]["method"], **{key: points[0][key] for key in ("point", "seed") if key in points[0]},
            "top1": mean([p["top1"] for p in points]), "latency_ms": mean([p["latency_ms"] for p in points]),
            "gmacs": mean([p["gmacs"] for p in points]), "folds_top1": [p["top1"] for p in points],
            "kept": [mean(column) for column in zip(*(p["kept"] for p in points))],
            "right": "".join(p["right"] for p in points),
        })
        if "kept_of_images" in points[0]:
            kept = [row for point in points for row in point["kept_of_images"]]
            whole[number].update(adaptivity(kept, [value for fold in folds for value in fold[0]["margins"]]))
    return whole


def merging_points(options):
    """Token merging needs no training, so all images at once."""
    import fronts
    from heatvit_training import simulation

    simulator = simulation.Images(simulation.package(options.run_sim), options.model, options.weights, options.images, options.labels)
    return fronts.merging_points(simulator, options)


def measure(options, more):
    import fronts
    from heatvit_training import tensors

    os.makedirs(options.out, exist_ok=True)
    folds = [judge(options, folder) for folder in train_folds(options, more)]
    points = together(folds)
    print(fronts.text_of(points))
    points += merging_points(options) if options.merged else []
    document = {"options": vars(options), "training": more, "points": points, "folds": folds}
    tensors.write_text(os.path.join(options.out, "kfold.json"), json.dumps(document, indent=1) + "\n")
    tensors.write_text(os.path.join(options.out, "kfold.svg"), fronts.drawing(points))


def main(arguments=None):
    options, more = parse_arguments(arguments)
    runtime.configure(options.threads, options.seed)
    return command_line.exit_code_of("kfold.py", lambda: measure(options, more), "; the same command goes on")


if __name__ == "__main__":
    sys.exit(main())
