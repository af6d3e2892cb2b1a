#!/usr/bin/python3
"""Accuracy against latency: trained selectors, CLS attention, random choice, token merging; 8 bit, through the simulator.

Each point of the trained selectors (their keep logits shifted by a constant) is run by run_sim on the given images, then CLS
attention and random choice with the same mean tokens after each selector. Token merging (ToMe) runs in PyTorch, in float; its
latency is that of the latency table's blocks at its token counts, without the cost of matching, which no unit of the
hardware could do: a lower bound. With --package the trained selectors are run in PyTorch with and without package token.

Writes fronts.json and fronts.svg.
"""

import json
import os
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from heatvit import options as command_line  # noqa: E402
from heatvit import runtime  # noqa: E402  (before torch)

EPILOG = """example:
  fronts.py --weights deit_tiny_patch16_224.safetensors --selectors run1/selectors.safetensors \\
            --images photographs --labels labels.csv --list run1/validation.csv --table table.json --out fronts
"""


def parse_arguments(arguments):
    parser = command_line.parser_of(__doc__, EPILOG)
    command_line.add_simulator(parser)
    add = parser.add_argument
    add("--labels", required=True, help="CSV file,class")
    add("--table", default="", help="latency table of `run_sim table`, for token merging (default: leave it out)")
    add("--shifts", default="-0.6,-0.3,0,0.3,0.6", help="of the keep logits, a point each (default %(default)s)")
    add("--seeds", type=int, default=5, help="of the random choice (default %(default)s)")
    add("--merged", default="4,8,10,13", help="tokens merged in each block, a point each (default %(default)s)")
    add("--package", action="store_true", help="also with and without package token, in PyTorch")
    add("--out", required=True, help="folder for the results")
    return parser.parse_args(arguments)


def point_of(method, report, **more):
    images = report["images"]
    stages = len(images[0]["kept_counts"])
    kept = [sum(i["kept_counts"][s] for i in images) / len(images) for s in range(stages)]
    summary = report["summary"]
    return {"method": method, "top1": summary["top1"], "latency_ms": summary["latency_ms"]["mean"],
            "gmacs": summary["gmacs_mean"], "kept": kept, "right": right_or_wrong(report), **more}


def margins(unpruned):
    """Of each image: difference of the unpruned network's two best logits. The smaller, the harder."""
    return [image["top5"][0]["score"] - image["top5"][1]["score"] for image in unpruned["images"]]


def adaptivity(kept, margin):
    """How the kept patches differ between images, and whether hard ones keep more. kept: (images, selectors)."""
    import numpy

    kept, margin = numpy.array(kept), numpy.array(margin)

    def ranks(values):
        return values.argsort(kind="stable").argsort(kind="stable")

    total, third = kept.sum(1), len(margin) // 3
    order = margin.argsort(kind="stable")
    return {
        "kept_std": kept.std(0).tolist(),
        "kept_range": [kept.min(0).tolist(), kept.max(0).tolist()],
        "histogram_of_10": [numpy.bincount(column // 10, minlength=20).tolist() for column in kept.T],
        "rank_correlation_margin_kept": float(numpy.corrcoef(ranks(margin), ranks(total))[0, 1]),
        "kept_hard_third": kept[order[:third]].mean(0).tolist(),
        "kept_easy_third": kept[order[-third:]].mean(0).tolist(),
    }


def mcnemar(first, second):
    """Of two texts of right_or_wrong over the same images: how often only the first is right, how often only the second, and the
    probability of a difference at least as large by chance (exact, two-sided)."""
    import math

    better = sum(a == "1" and b == "0" for a, b in zip(first, second))
    worse = sum(a == "0" and b == "1" for a, b in zip(first, second))
    few, all_of_them = min(better, worse), better + worse
    return better, worse, min(1.0, 2 * sum(math.comb(all_of_them, k) for k in range(few + 1)) / 2**all_of_them)


def right_or_wrong(report):
    """A character an image, in name order: 1 where the best class is the label."""
    return "".join(str(int(image["top5"][0]["class"] == image["label"])) for image in report["images"])


def trained_and_matched(simulator, options, patches):
    """The points of the trained selectors, and beside each CLS attention and random choice at its mean tokens."""
    from heatvit import tensors
    from heatvit.simulator import shifted

    arrays, metadata = tensors.read_safetensors(options.selectors)
    unpruned = simulator.run()
    points = [point_of("unpruned", unpruned, margins=margins(unpruned))]
    for shift in (float(word) for word in options.shifts.split(",")):
        path = os.path.join(simulator.folder, "selectors.safetensors")
        tensors.write_safetensors(path, shifted(arrays, shift), metadata)
        report = simulator.run("--selector-weights", path)
        kept = [image["kept_counts"] for image in report["images"]]
        points.append(point_of("heatvit", report, shift=shift, kept_of_images=kept, **adaptivity(kept, points[0]["margins"])))
        rates = ",".join(f"{1 - kept / patches:.6f}" for kept in points[-1]["kept"])
        places = ("--selectors", metadata["heatvit.positions"], "--prune-rates", rates)
        points.append(point_of("cls-attention", simulator.run(*places, "--scorer", "cls-attention"), shift=shift))
        for seed in range(1, options.seeds + 1):
            report = simulator.run(*places, "--scorer", "random", "--seed", str(seed))
            points.append(point_of("random", report, shift=shift, seed=seed))
        print(*(f"{p['method']} {100 * p['top1']:.1f} %, {p['latency_ms']:.3f} ms, {p['gmacs']:.3f} GMAC; "
                for p in points if p.get("shift") == shift), flush=True)
    return points


def merging_points(simulator, options):
    from heatvit import data, merging, setup
    from latency_table import LatencyTable

    backbone = setup.frozen_backbone(options.model, options.weights)
    table, points = LatencyTable(options.table, ()), []
    for merged in (int(word) for word in options.merged.split(",")):
        correct, rows = 0, []
        for start in range(0, len(simulator.items), 25):
            images, labels = data.crops(simulator.items[start : start + 25], backbone.config, 0, 0)
            logits, rows = merging.run(backbone, images, merged)
            correct += int((logits.argmax(1) == labels).sum())
        points.append({"method": "token merging, float", "top1": correct / len(simulator.items), "merged": merged,
                       "latency_ms": table.of_blocks(rows), "rows": rows})
        print(f"token merging, {merged} a block: {100 * points[-1]['top1']:.1f} %, {points[-1]['latency_ms']:.3f} ms", flush=True)
    return points


def package_points(simulator, options):
    from heatvit import export, setup, teacher, tensors, trainer
    from heatvit.pruned import PrunedViT

    positions = [int(word) for word in tensors.read_safetensors(options.selectors)[1]["heatvit.positions"].split(",")]
    points, cache = [], None
    for package in (True, False):
        model = PrunedViT(setup.frozen_backbone(options.model, options.weights), use_package=package, positions=positions)
        cache = cache or teacher.build(model, simulator.items, 1, setup.CROP_SEED)  # before the backbone is tuned
        export.load_selectors(model, options.selectors)
        result = trainer.evaluate(model, cache)
        name = "with package token, float" if package else "without package token, float"
        points.append({"method": name, "top1": float(result.correct.float().mean()),
                       "agreement": float(result.agree.float().mean()), "gmacs": float(result.macs.mean()) / 1e9})
        print(f"{name}: {result.text()}", flush=True)
    return points


def drawing(points):
    from heatvit import plot

    series = []
    for method, joined in (("heatvit", True), ("cls-attention", True), ("random", False), ("token merging, float", True),
                           ("unpruned", False)):
        chosen = [(p["latency_ms"], 100 * p["top1"]) for p in points if p["method"] == method]
        series += [(method, chosen, joined)] if chosen else []
    return plot.svg(series, "simulated latency, ms (mean of the images)", "top-1, %")


def measure(options):
    from heatvit import config, tensors
    from heatvit.simulator import Simulator

    os.makedirs(options.out, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        simulator = Simulator(options.run_sim, options.model, options.weights, options.images, options.labels, scratch,
                              options.list or None, jobs=options.jobs)
        points = trained_and_matched(simulator, options, config.find(options.model).patches)
        points += merging_points(simulator, options) if options.table else []
        points += package_points(simulator, options) if options.package else []
    document = {"images": len(simulator.items), "options": vars(options), "points": points}
    tensors.write_text(os.path.join(options.out, "fronts.json"), json.dumps(document, indent=1) + "\n")
    tensors.write_text(os.path.join(options.out, "fronts.svg"), drawing(points))


def main(arguments=None):
    options = parse_arguments(arguments)
    runtime.configure(2, 1)
    return command_line.exit_code_of("fronts.py", lambda: measure(options))


if __name__ == "__main__":
    sys.exit(main())
