#!/usr/bin/python3
"""Accuracy against latency of pruning policies on the same hardware, 8 bit, through the simulator: trained selectors, EViT, CLS
attention, token merging (ToMe), random choice.

Each point of the trained selectors (an operating point of the file, or their keep logits shifted by a constant) is run by run_sim
on the given images, then CLS attention, EViT and random choice with the same mean tokens after each selector, and CLS attention,
EViT and token merging with as many tokens as they may keep in the same latency; with --matched instead all of them at the same
number of products and at the same latency. Merging takes the same number of tokens away at each of the trained selectors' blocks.
The tuned backbone of a selector file is the trained selectors' alone, and the others have the weights as they are; with --tuned
they are run with that backbone, too. --dynamicvit: trained predictors of DynamicViT as one more policy, with the backbone of
their own file. --dropped: the trained selectors also without package token. --merged: token merging as published, in every
block. With --package the trained selectors are run in PyTorch with and without package token.

Writes fronts.json, fronts.md (tables) and fronts.svg, and prints 95 % intervals and McNemar's exact test; --page writes the
tables between the lines <!-- fronts: NAME --> and <!-- end --> of a page, --figure the figure somewhere else, too.
"""

import json
import os
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from heatvit_training import options as command_line  # noqa: E402
from heatvit_training import runtime  # noqa: E402  (before torch)

EQUAL = {"gmacs": ", equal products", "latency_ms": ", equal latency"}
RANKED = ("cls-attention", "evit")
MERGED = "tome"
POLICIES = (*RANKED, MERGED, "dynamicvit", "random")
PAIRS = (("evit", "cls-attention"), (MERGED, "evit"), ("cls-attention", "random"))
EVERY = "tome, in every block"
TUNED = ", tuned backbone"
DROPPED = "heatvit, no package token"

EPILOG = """example:
  fronts.py --weights deit_tiny_patch16_224.safetensors --selectors run1/selectors.safetensors \\
            --images photographs --labels labels.csv --matched --tuned --out fronts
"""


def parse_arguments(arguments):
    parser = command_line.parser_of(__doc__, EPILOG)
    command_line.add_simulator(parser)
    add = parser.add_argument
    add("--labels", required=True, help="CSV file,class")
    add("--points", default="", help="operating points of the file, e.g. 20,35,50,60 (default: all that it has)")
    add("--shifts", default="", help="instead of points: of the keep logits, a point each, e.g. -0.3,0,0.3")
    add("--seeds", type=int, default=5, help="of the random choice (default %(default)s)")
    add("--matched", action="store_true", help="the others at equal products and at equal latency only, not at equal tokens")
    add("--tuned", action="store_true", help="the others also with the tuned backbone of the selectors' file")
    add("--dynamicvit", default="", help="file of trained predictors, one more policy with --matched (default: leave it out)")
    add("--dropped", action="store_true", help="the trained selectors also without package token (--package off of run_sim)")
    add("--merged", default="", help="tokens merged in every block, a point each, e.g. 4,8,13 (default: leave it out)")
    add("--page", default="", help="a page whose tables are replaced")
    add("--figure", default="", help="another place for fronts.svg, e.g. docs/images/policy-fronts.svg")
    add("--package", action="store_true", help="also with and without package token, in PyTorch")
    add("--out", required=True, help="folder for the results")
    return parser.parse_args(arguments)


def point_of(method, result, **more):
    report = result.report
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
    correlation = float(numpy.corrcoef(ranks(margin), ranks(total))[0, 1]) if len(margin) > 1 else 0.0
    order = margin.argsort(kind="stable")
    return {
        "kept_std": kept.std(0).tolist(),
        "kept_range": [kept.min(0).tolist(), kept.max(0).tolist()],
        "histogram_of_10": [numpy.bincount(column // 10, minlength=20).tolist() for column in kept.T],
        "rank_correlation_margin_kept": correlation,
        "rank_correlation_p": chance_of(correlation, len(margin)),
        "kept_hard_third": kept[order[:third]].mean(0).tolist(),
        "kept_easy_third": kept[order[-third:]].mean(0).tolist(),
    }


def chance_of(correlation, count):
    """Of a rank correlation at least as large without any relation: normal approximation of Fisher's transformation."""
    import math

    if count < 4 or abs(correlation) >= 1:
        return 1.0 if count < 4 else 0.0
    return math.erfc(abs(math.atanh(correlation)) * math.sqrt((count - 3) / 1.06) / math.sqrt(2))


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


def operating_points(options, folder):
    """[(name, value of --selector-weights)] of the options' points or shifts."""
    from heatvit_training import export, points, tensors
    from heatvit_training.thresholds import shifted

    arrays, metadata = tensors.read_safetensors(options.selectors)
    if not getattr(options, "shifts", ""):
        known = points.parse(metadata.get(export.POINTS, ""))
        chosen = getattr(options, "points", "").split(",") if getattr(options, "points", "") else list(known)
        return [(name, f"{options.selectors}@{name}") for name in chosen] or [("0", options.selectors)]
    found = []
    for word in options.shifts.split(","):
        found.append((word, os.path.join(folder, f"selectors{len(found)}.safetensors")))
        tensors.write_safetensors(found[-1][1], shifted(arrays, float(word)), metadata)
    return found


def at_equal(what, simulator, places, trained, patches, scorer, **more):
    """Options for a scorer that keeps a fixed number of tokens: as the trained selectors do in the mean, scaled so that its
    latency_ms or gmacs, which are those of every image, come closest to theirs."""
    kept = trained["kept"]
    from heatvit_training.thresholds import approach

    def rates(amount):
        share = [min(max(count / patches * (1 + amount), 0.01), 1.0) for count in kept]
        return {"selectors": places, "prune_rates": [round(1 - part, 6) for part in share], "scorer": scorer, **more}

    def measure(amount):
        return point_of(scorer, simulator.run(1, **rates(amount)))[what]

    return rates(approach(measure, trained[what], tolerance=0.003, first=0.1)[0])


def merged_at_equal(what, simulator, places, trained, patches):
    """Options of token merging: so many at each of the places, the number that comes closest to the trained selectors."""
    from heatvit_training.thresholds import closest

    def options_of(count):
        return {"selectors": places, "merge": count}

    def measure(count):
        return point_of(MERGED, simulator.run(1, **options_of(count)))[what]

    return options_of(closest(measure, trained[what], 1, patches // 2))


def trained_and_matched(simulator, options, patches, folder):
    """The points of the trained selectors, and beside each the others at its mean tokens, its products or its latency.
    simulator: simulation.Images. folder: for files in between."""
    from heatvit_training import tensors

    metadata = tensors.read_safetensors(options.selectors)[1]
    places = [int(word) for word in metadata["heatvit.positions"].split(",")]
    unpruned = simulator.run()
    points = [point_of("unpruned", unpruned, margins=margins(unpruned.report))]
    for name, selectors in operating_points(options, folder):
        result = simulator.run(selector_weights=selectors)
        kept = result.kept_counts.tolist()
        trained = point_of("heatvit", result, point=name, kept_of_images=kept, **adaptivity(kept, points[0]["margins"]))
        points.append(trained)
        if getattr(options, "dropped", False):
            points.append(point_of(DROPPED, simulator.run(selector_weights=selectors, package="off"), point=name))
        rates = {"selectors": places, "prune_rates": [round(1 - max(count / patches, 0.01), 6) for count in trained["kept"]]}
        matched = getattr(options, "matched", False)
        of_backbone = {"": simulator}
        if getattr(options, "tuned", False):
            of_backbone[TUNED] = simulator.with_backbone_of(selectors, folder)
        for backbone, runner in of_backbone.items():
            for scorer in () if matched else RANKED:
                points.append(point_of(scorer + backbone, runner.run(**rates, scorer=scorer), point=name))
            for scorer in (*RANKED, MERGED, "random") if matched else (*RANKED, MERGED):
                for what in EQUAL if matched else ("latency_ms",):
                    arguments = (what, runner, places, trained, patches)
                    equal = merged_at_equal(*arguments) if scorer == MERGED else at_equal(*arguments, scorer)
                    more = {"merged": equal["merge"]} if scorer == MERGED else {}
                    points.append(point_of(scorer + backbone + EQUAL[what], runner.run(**equal), point=name, **more))
        predictor = getattr(options, "dynamicvit", "") if matched else ""
        for what in EQUAL if predictor else ():
            equal = at_equal(what, simulator, places, trained, patches, "dynamicvit", selector_weights=predictor)
            points.append(point_of("dynamicvit" + EQUAL[what], simulator.run(**equal), point=name))
        for seed in () if matched else range(1, options.seeds + 1):
            result = simulator.run(**rates, scorer="random", seed=seed)
            points.append(point_of("random", result, point=name, seed=seed))
        print(text_of([points[0], *(p for p in points if p.get("point") == name)]), flush=True)
    return points


def interval(right):
    """Wilson's 95 % interval of the share of '1' in a text."""
    count, share, z = len(right), right.count("1") / len(right), 1.96
    centre, half = share + z * z / (2 * count), z * (share * (1 - share) / count + z * z / (4 * count * count)) ** 0.5
    return (centre - half) / (1 + z * z / count), (centre + half) / (1 + z * z / count)


def difference(first, second):
    """Difference of the shares of '1' over the same images, and half of its 95 % interval."""
    better, worse, _ = mcnemar(first, second)
    count = len(first)
    return (better - worse) / count, 1.96 * (better + worse - (better - worse) ** 2 / count) ** 0.5 / count


def text_of(points):
    """A line a point: accuracy, cost, and how trained selectors compare with the others on the same images."""
    lines, base, trained = [], points[0], None
    for point in points:
        low, high = interval(point["right"])
        line = (f"{point.get('point', ''):>5} {point['method']:28} {100 * point['top1']:5.1f} % ({100 * low:.1f} to {100 * high:.1f}) "
                f"of {len(point['right'])}, {point['gmacs']:.3f} GMAC ({100 * (1 - point['gmacs'] / base['gmacs']):.1f} % fewer), "
                f"{point['latency_ms']:.3f} ms")
        if point["method"] == "heatvit":
            trained = point["right"]
            spread, hard, easy = (" / ".join(f"{value:.1f}" for value in point[key])
                                  for key in ("kept_std", "kept_hard_third", "kept_easy_third"))
            line += "; unpruned" + compared(base["right"], trained) + (
                f"; kept patches: standard deviation {spread}, hard third {hard}, easy third {easy}, rank correlation with the "
                f"margin {point['rank_correlation_margin_kept']:+.3f} (p = {point['rank_correlation_p']:.2g})")
        elif trained:
            line += "; heatvit" + compared(trained, point["right"])
        lines.append(line)
    return "\n".join(lines)


def top1(point):
    low, high = interval(point["right"])
    return f"{100 * point['top1']:.1f} % ({100 * low:.1f} to {100 * high:.1f})"


def than(first, second):
    """What the first is better by, half of the 95 % interval, McNemar's counts and probability."""
    (share, half), (better, worse, chance) = difference(first, second), mcnemar(first, second)
    return f"{100 * share:+.1f} ± {100 * half:.1f}; {better}, {worse} ({'< 0.001' if chance < 0.0005 else f'{chance:.3f}'})"


def markdown(points):
    """The same as a table: what is compared with is the trained selectors of the same point; for them, and where a point is of
    none, unpruned."""
    lines, base, trained = ["| | | top-1 (95 %) | GMAC | fewer | latency, ms | compared with; only it right, only this right (p) |",
                            "|---|---|---|---|---|---|---|"], points[0], None
    for point in points:
        if "right" not in point:  # in float
            continue
        trained = point["right"] if point["method"] == "heatvit" else trained
        other = None if point is base else trained if "point" in point and point["method"] != "heatvit" else base["right"]
        name = point["method"] + (f", {point['merged']} each" if "merged" in point else "")
        cells = [f"@{point['point']}" if "point" in point else "", name, top1(point), f"{point['gmacs']:.3f}",
                 f"{100 * (1 - point['gmacs'] / base['gmacs']):.1f} %", f"{point['latency_ms']:.3f}",
                 "" if other is None else than(other, point["right"])]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def summary(points):
    """A line a policy and point: at equal products, at equal latency, and that with the tuned backbone; after the accuracy at
    equal latency what the trained selectors are better by."""
    base = points[0]
    lines = ["| | policy | equal products: top-1 (95 %) | latency, ms | equal latency: top-1 (95 %) | trained selectors better by (p) | "
             "tuned backbone, equal latency: top-1 | better by (p) |", "|---|---|---|---|---|---|---|---|"]

    def row(point, policy, *cells):
        lines.append("| " + " | ".join((point, policy, *cells, *[""] * (6 - len(cells)))) + " |")

    def better(trained, point):
        (share, half), chance = difference(trained["right"], point["right"]), mcnemar(trained["right"], point["right"])[2]
        return f"{100 * share:+.1f} ± {100 * half:.1f} ({'< 0.001' if chance < 0.0005 else f'{chance:.3f}'})"

    row("", "unpruned", top1(base), f"{base['latency_ms']:.3f}")
    for trained in (point for point in points if point["method"] == "heatvit"):
        found = {point["method"]: point for point in points if point.get("point") == trained["point"]}
        label = f"@{trained['point']}, {100 * (1 - trained['gmacs'] / base['gmacs']):.0f} % fewer"
        row(label, "heatvit (trained, tuned backbone)", top1(trained), f"{trained['latency_ms']:.3f}", top1(trained))
        if DROPPED in found:
            point = found[DROPPED]
            row("", DROPPED + " (tuned backbone)", top1(point), f"{point['latency_ms']:.3f}", top1(point), better(trained, point))
        for policy in POLICIES:
            equal = [found.get(policy + backbone + word) for backbone in ("", TUNED) for word in EQUAL.values()]
            if None in equal[:2]:
                continue
            cells = [top1(equal[0]), f"{equal[0]['latency_ms']:.3f}", top1(equal[1]), better(trained, equal[1])]
            if equal[3] is not None:
                cells += [f"{100 * equal[3]['top1']:.1f} %", better(trained, equal[3])]
            row("", policy, *cells)
    return "\n".join(lines) + "\n"


def pairs(points):
    """Untrained policies against each other at the same point, the weights as they are."""
    lines = ["| | " + " | ".join(f"{a} than {b}{word}" for a, b in PAIRS for word in EQUAL.values()) + " |", "|---" * (1 + 2 * len(PAIRS)) + "|"]
    for trained in (point for point in points if point["method"] == "heatvit"):
        right = {point["method"]: point["right"] for point in points if point.get("point") == trained["point"]}
        cells = [than(right[a + word], right[b + word]) for a, b in PAIRS for word in EQUAL.values()]
        lines.append(f"| @{trained['point']} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def tables(points):
    """{name: table}: the summary, the points with the backbone as it is and with the tuned one, untrained policies against each
    other, merging in every block."""
    def of(wanted):
        return markdown([points[0], *(point for point in points[1:] if wanted(point))])

    found = {"summary": summary(points), "points": of(lambda p: "point" in p and TUNED not in p["method"])}
    if all(any(point["method"] == policy + word for point in points) for pair in PAIRS for policy in pair for word in EQUAL.values()):
        found["pairs"] = pairs(points)
    if any(TUNED in point["method"] for point in points):
        found["tuned"] = of(lambda p: p["method"] == "heatvit" or TUNED in p["method"])
    if any(point["method"] == EVERY for point in points):
        found["every"] = of(lambda p: p["method"] == EVERY)
    return found


def compared(first, second):
    better, worse, chance = mcnemar(first, second)
    points, half = difference(first, second)
    return f" {100 * points:+.1f} +- {100 * half:.1f} points, right where it is wrong {better}, the reverse {worse} (p = {chance:.3f})"


def merging_points(simulator, options):
    """Token merging as published, the same number in every block."""
    counts = [int(word) for word in options.merged.split(",")]
    points = [point_of(EVERY, simulator.run(merge=count), merged=count) for count in counts]
    for point in points:
        print(f"{point['method']}, {point['merged']} each: {100 * point['top1']:.1f} %, {point['latency_ms']:.3f} ms", flush=True)
    return points


def package_points(simulator, options):
    from heatvit_training import export, setup, teacher, tensors, trainer
    from heatvit_training.pruned import PrunedViT

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
    from heatvit_training import plot

    series = []
    others = [scorer + backbone for backbone in ("", TUNED) for scorer in POLICIES]
    for method in ("heatvit", DROPPED, *others, EVERY, "unpruned"):
        chosen = [(p["latency_ms"], 100 * p["top1"]) for p in points if p["method"].split(", equal")[0] == method]
        series += [(method, chosen, method not in ("random", "unpruned"))] if chosen else []
    return plot.svg(series, "simulated latency, ms (mean of the images)", "top-1, %")


def measure(options):
    from heatvit_training import config, page, simulation, tensors

    os.makedirs(options.out, exist_ok=True)
    simulator = simulation.Images(simulation.package(options.run_sim), options.model, options.weights, options.images, options.labels,
                                  options.list or None, jobs=options.jobs)
    with tempfile.TemporaryDirectory() as scratch:
        points = trained_and_matched(simulator, options, config.find(options.model).patches, scratch)
        points += merging_points(simulator, options) if options.merged else []
        points += package_points(simulator, options) if options.package else []
    document = {"images": len(simulator.items), "options": vars(options), "points": points}
    tensors.write_text(os.path.join(options.out, "fronts.json"), json.dumps(document, indent=1) + "\n")
    for place in (os.path.join(options.out, "fronts.svg"), options.figure):
        if place:
            tensors.write_text(place, drawing(points))
    found = tables(points)
    tensors.write_text(os.path.join(options.out, "fronts.md"), "\n".join(found.values()))
    if options.page:
        page.write_tables(options.page, found, "fronts")


def main(arguments=None):
    options = parse_arguments(arguments)
    runtime.configure(2, 1)
    return command_line.exit_code_of("fronts.py", lambda: measure(options))


if __name__ == "__main__":
    sys.exit(main())
