"""Tests of the training on a small network of random weights: training.py HOME RUN_SIM. Fails with an AssertionError."""

import contextlib
import io
import json
import os
import sys
import tempfile

home, run_sim = sys.argv[1:]
sys.path.insert(0, home + "/models/selectors")
from heatvit_training import runtime  # noqa: E402

runtime.configure(1, 5)
import numpy  # noqa: E402
import torch  # noqa: E402
import train  # noqa: E402
from heatvit_training import config, export, losses, plot, pruned, strategy, teacher, tensors, thresholds, trainer  # noqa: E402
from heatvit_training.backbone import VisionTransformer  # noqa: E402
from latency_table import LatencyTable  # noqa: E402
from PIL import Image  # noqa: E402

SMALL = config.ModelConfig("small", dim=32, heads=2, depth=6, image_size=32, patch=4, classes=8, crop=1.0, selectors=(3, 5))
config.CONFIGS["small"] = SMALL
CLASSES, IMAGES = 8, 24


def make_inputs(folder):
    """Weights, pictures, labels and a latency table whose block costs 0.1 ms and 0.01 ms a row; a selector 0.05 ms."""
    torch.manual_seed(5)
    backbone = VisionTransformer(SMALL)
    with torch.no_grad():
        for parameter in backbone.parameters():
            if parameter.dim() > 1:
                parameter.copy_(torch.randn_like(parameter) * 1.5 / parameter.shape[-1] ** 0.5)
    export.save_backbone(backbone, folder + "/weights.safetensors")
    os.makedirs(folder + "/images")
    rng = numpy.random.default_rng(5)
    lines = ["file,class"]
    for number in range(IMAGES):
        coarse = Image.fromarray(rng.integers(0, 256, (4, 4, 3), dtype=numpy.uint8))
        coarse.resize((40, 32), Image.BICUBIC).save(f"{folder}/images/{number:02}.png")
        lines.append(f"{number:02}.png,{number % CLASSES}")
    tensors.write_text(folder + "/labels.csv", "\n".join(lines) + "\n")
    rows = [{"tokens": t, "block_ms": 0.1 + 0.01 * t, "block_after_selector_ms": 0.1 + 0.01 * t,
             "block_before_selector_ms": 0.1 + 0.01 * t, "selector_keeping_none_ms": 0.05,
             "selector_keeping_all_ms": 0.05, "embedding_ms": 0.1, "head_ms": 0.1} for t in range(2, SMALL.tokens + 1)]
    table = {"schema": "heatvit-sim/latency-table/2", "depth": 6, "patches": SMALL.patches, "selectors": [3, 5], "rows": rows}
    tensors.write_text(folder + "/table.json", json.dumps(table))


def call(folder, out, *more):
    """train.py; (exit code, what it said)."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = train.main(["--model", "small", "--weights", folder + "/weights.safetensors", "--images", folder + "/images",
                           "--labels", folder + "/labels.csv", "--table", folder + "/table.json", "--out", folder + "/" + out,
                           "--target-ms", "3.6", "--first", "3", "--keep-ratios", "0.7,0.4", "--copies", "2", "--batch", "8",
                           "--threads", "1", "--quiet", *more])
    return code, said.getvalue()


def arrays_of(folder, out):
    return tensors.read_safetensors(f"{folder}/{out}/selectors.safetensors")[0]


def the_last_is_taken(run):
    """A Trainer that does not choose among its epochs, which takes most of their time."""
    run.cost_by_threshold = lambda: 0.0
    return run


def a_run_ends_at_its_latency(folder):
    code, said = call(folder, "whole", "--epochs", "4", "--cache", folder + "/same")
    assert code == 0, said
    with open(folder + "/whole/report.json", encoding="utf-8") as file:
        report = json.load(file)
    assert len(report["history"]) == 4 and report["validation"]["images"] == len(open(folder + "/whole/validation.csv").readlines()) - 1
    assert abs(report["validation"]["ms"] / 3.6 - 1) < 0.2, report["validation"]  # set on the training images
    assert report["parameters"] == sum(a.size for a in arrays_of(folder, "whole").values())
    listed = [open(f"{folder}/whole/{name}.csv").read().splitlines()[1:] for name in ("training", "validation")]
    assert len(listed[0]) + len(listed[1]) == IMAGES and not set(listed[0]) & set(listed[1])
    metadata = tensors.read_safetensors(folder + "/whole/selectors.safetensors")[1]
    assert metadata["heatvit.positions"] == "3,5" and "selector.2.keep.in" in metadata["heatvit.ranges"]


def the_same_seed_gives_the_same_weights_also_after_a_stop(folder):
    crops = ("--cache", folder + "/same")  # of "whole": which crops go through the network together shows in the last bit
    code, said = call(folder, "again", "--epochs", "4", *crops)
    assert code == 0, said
    epochs = 0

    def stop_after_two(self, *more):
        nonlocal epochs
        epochs += 1
        if epochs > 2:
            raise KeyboardInterrupt
        return run_epoch(self, *more)

    run_epoch, trainer.Trainer.run_epoch = trainer.Trainer.run_epoch, stop_after_two
    try:
        code, said = call(folder, "stopped", "--epochs", "4", *crops)
    finally:
        trainer.Trainer.run_epoch = run_epoch
    assert code == 130 and not os.path.exists(folder + "/stopped/selectors.safetensors"), (code, said)
    code, said = call(folder, "stopped", "--epochs", "4", "--resume", *crops)
    assert code == 0, said
    for name, array in arrays_of(folder, "whole").items():
        assert (arrays_of(folder, "again")[name] == array).all(), name
        assert (arrays_of(folder, "stopped")[name] == array).all(), name


def wrong_input_is_refused(folder):
    for more in (("--model", "deit-t"), ("--selectors", "2,5"), ("--selectors", "5,3"), ("--labels", folder + "/table.json"),
                 ("--plan", folder + "/nowhere"), ("--target-ms", "99"), ("--table", "", "--run-sim", run_sim)):
        code, said = call(folder, "refused", *more)
        assert code == 2 and said.count("\n") == 1 and said.startswith("train.py: "), (more, code, said)


def operating_points_need_no_labels_and_go_on_within_an_epoch(folder):
    from heatvit_training import points

    options = ["--labels", "", "--table", "", "--target-ms", "0", "--saved", "0.2,0.35,0.5", "--tune", "1e-3", "--rank", "2",
               "--cls-weight", "0.2", "--cache", folder + "/crops", "--epochs", "2", "--copies", "3", "--validation-share", "0.2"]
    code, said = call(folder, "points", *options)
    assert code == 0, said
    metadata = tensors.read_safetensors(folder + "/points/selectors.safetensors")[1]
    found = points.parse(metadata["heatvit.points"])
    assert list(found) == ["20", "35", "50"] and found["35"] == (0, 0), found
    assert found["20"][0] > 0 > found["50"][0], found
    assert "tuned.blocks.3.attn.qkv.weight.up" in arrays_of(folder, "points")
    assert not [line for line in said.splitlines() if "top-1 100" in line], said
    code, said = call(folder, "often", *options, "--more-copies", "0*=5", "--epochs", "1", "--cache", "")
    assert code == 0, said
    listed = {name: open(f"{folder}/often/{name}.csv", encoding="utf-8").read().split("\n")[1:-1] for name in ("training", "often")}
    assert listed["often"] == [line for line in listed["training"] if line.startswith("0")] and len(listed["often"]) > 3, listed
    with open(folder + "/often/report.json", encoding="utf-8") as file:
        seen = json.load(file)["history"][0]["crops"]
    assert seen == 3 * len(listed["training"]) + 2 * len(listed["often"]), seen
    steps = 0

    def stop_within(self, rows, done):
        nonlocal steps
        steps += 1
        if steps == 6:
            raise KeyboardInterrupt
        return step(self, rows, done)

    def often(self, progress, keep):
        return run_epoch(self, progress, keep, every=0.0)

    step, run_epoch = trainer.Trainer._step, trainer.Trainer.run_epoch
    trainer.Trainer._step, trainer.Trainer.run_epoch = stop_within, often
    try:
        assert call(folder, "halted", *options)[0] == 130
    finally:
        trainer.Trainer._step, trainer.Trainer.run_epoch = step, run_epoch
    code, said = call(folder, "halted", *options, "--resume")
    assert code == 0, said
    for name, array in arrays_of(folder, "points").items():
        assert (arrays_of(folder, "halted")[name] == array).all(), name
    for wrong in (("--saved", "0"), ("--saved", "1.5"), ("--saved", "x"), ("--epochs", "-1"), ("--hardness", "-1"), ("--hardness", "nan"),
                  ("--hardness", "4", "--selectors", "3"), ("--more-copies", "0*"), ("--more-copies", "0*=3"),
                  ("--more-copies", "x*=9")):
        code, said = call(folder, "refused", *options, *wrong)
        assert code == 2 and said.startswith("train.py: "), (wrong, said)


def hard_images_keep_more(folder):
    """With the loss for it, and a point that is drawn twice as often."""
    from heatvit_training import data, points

    correlations = []
    for weight in (0.0, 5.0):
        torch.manual_seed(9)
        backbone = VisionTransformer(SMALL)
        export.load_backbone(backbone, folder + "/weights.safetensors")
        model = pruned.PrunedViT(backbone)
        settings = trainer.Settings(epochs=16, batch=12, learning_rate=6e-3, reductions=(0.3, 0.3, 0.4), noise=0.5, adaptive_weight=weight)
        cache = teacher.build(model, data.list_images(folder + "/images"), 2, 1)
        run = trainer.Trainer(model, cache, settings)
        for _ in range(settings.epochs):
            run.run_epoch()
        assert list(points.settle(model, cache, settings.reductions)) == ["30", "40"]
        kept = trainer.evaluate(model, cache).kept.sum(1).argsort().argsort().float()
        hard = (-losses.margin(cache.logits)).argsort().argsort().float()
        correlations.append(float(torch.corrcoef(torch.stack((hard, kept)))[0, 1]))
    print(f"rank correlation of hardness and kept tokens {correlations[0]:.2f} without the loss, {correlations[1]:.2f} with it")
    assert correlations[1] > max(0.3, correlations[0] + 0.3), correlations


def selectors_learn_what_is_hard(folder):
    """Hard images keep more without any training of the whole, the first selector stays as it was, and so does what the others
    think of the tokens of one image."""
    from heatvit_training import data, hardness

    torch.manual_seed(9)
    backbone = VisionTransformer(SMALL)
    export.load_backbone(backbone, folder + "/weights.safetensors")
    model = pruned.PrunedViT(backbone)
    settings = trainer.Settings(keep_ratios=(0.8, 0.4), reductions=(0.3, 0.4), seed=5)
    cache = teacher.build(model, data.list_images(folder + "/images"), 8, 1)
    first = {name: value.clone() for name, value in model.selectors[0].state_dict().items()}

    def correlation():
        kept = trainer.evaluate(model, cache, batch=len(cache), decide=pruned.Quota(settings.keep_ratios, noise=0.0)).kept[:, 1]
        hard = (-losses.margin(cache.logits)).argsort().argsort().float()
        return float(torch.corrcoef(torch.stack((hard, kept.argsort().argsort().float())))[0, 1])

    before, said = correlation(), []
    epochs, hardness.EPOCHS = hardness.EPOCHS, 80
    try:
        hardness.teach(model, cache, settings, 4.0, said.append)
    finally:
        hardness.EPOCHS = epochs
    after = correlation()
    print(f"rank correlation of hardness and kept tokens {before:.2f}, taught {after:.2f}; {said[-1]}")
    assert after > max(0.3, before + 0.25), (before, after)
    assert all(torch.equal(first[name], value) for name, value in model.selectors[0].state_dict().items())
    assert said[0].startswith("selector 2: ") and "epoch 80 of 80" in said[-1], said


def crops_are_computed_once(folder):
    from heatvit_training import data

    backbone = VisionTransformer(SMALL)
    export.load_backbone(backbone, folder + "/weights.safetensors")
    model, items, counts = pruned.PrunedViT(backbone), data.list_images(folder + "/images"), []
    os.makedirs(folder + "/kept", exist_ok=True)
    first = teacher.Crops(model, items, 2, 1, folder + "/kept", progress=counts.append)
    assert first.of([3, 5], 1).copy.tolist() == [0, 0] and first.of([3, 5], 1, [5]).copy.tolist() == [0, 0, 1]
    part = first.of([3, 5])
    some = part.rows(slice(None))
    assert sum(counts) == 4 and some.image.tolist() == [3, 5, 3, 5] and some.copy.tolist() == [0, 0, 1, 1]
    again = teacher.Crops(model, items, 3, 1, folder + "/kept", progress=counts.append).of([3, 5]).rows(torch.tensor([0, 3]))
    assert sum(counts) == 4 and torch.equal(again.logits, some.logits[[0, 3]]) and torch.equal(again.prefix, some.prefix[[0, 3]])
    assert float((teacher.build(model, items, 2, 1).logits[3] - some.logits[0]).abs().max()) < 1e-4
    other = teacher.Crops(model, items, 2, 2, folder + "/kept", progress=counts.append)
    other.rows(slice(0, 1))
    assert sum(counts) == 5  # another seed, other files


def training_beats_its_own_start(folder):
    """On its training crops, at the same latency, the divergence falls."""
    backbone = VisionTransformer(SMALL)
    export.load_backbone(backbone, folder + "/weights.safetensors")
    model = pruned.PrunedViT(backbone)
    from heatvit_training import data

    items = data.list_images(folder + "/images", folder + "/labels.csv")
    cache = teacher.build(model, items, 2, 1)
    table = LatencyTable(folder + "/table.json")
    settings = trainer.Settings(epochs=20, batch=8, learning_rate=6e-3, target_ms=3.4, noise=0.5, last_noise=0.1)
    run = the_last_is_taken(trainer.Trainer(model, cache, settings, table))

    def divergence():
        trainer.calibrate_latency(model, cache, table, 3.4)
        with torch.no_grad():
            logits = model.from_prefix(cache.prefix.float()).logits
        assert abs(float(trainer.evaluate(model, cache, table).ms.mean()) / 3.4 - 1) < 0.03
        return float(torch.nn.functional.kl_div(logits.log_softmax(-1), cache.logits.log_softmax(-1), log_target=True,
                                                reduction="batchmean"))

    torch.manual_seed(9)
    before = divergence()
    for _ in range(settings.epochs):
        run.run_epoch()
    after = divergence()
    print(f"divergence {before:.3f} before, {after:.3f} after training")
    assert after < 0.9 * before, (before, after)


def tuning_the_backbone_helps(folder):
    """Of the backbone only LayerNorms and biases move, and the sampled decisions then cost less divergence."""
    from heatvit_training import data

    weights = folder + "/weights.safetensors"
    original = tensors.read_safetensors(weights)[0]
    items, table, ends = data.list_images(folder + "/images", folder + "/labels.csv"), LatencyTable(folder + "/table.json"), []
    for rate in (0.0, 3e-3):
        torch.manual_seed(9)
        backbone = VisionTransformer(SMALL)
        export.load_backbone(backbone, weights)
        model = pruned.PrunedViT(backbone)
        settings = trainer.Settings(epochs=12, batch=8, learning_rate=3e-3, target_ms=3.4, tuned_learning_rate=rate)
        run = the_last_is_taken(trainer.Trainer(model, teacher.build(model, items, 2, 1), settings, table))
        for _ in range(settings.epochs):
            run.run_epoch()
        ends.append(sum(entry["divergence"] for entry in run.history[-6:]) / 6)
        moved = {name for name, value in backbone.named_parameters() if (value.detach().numpy() != original[name]).any()}
        assert moved == (set(model.tuned_parameters()) if rate else set()), moved
    print(f"divergence {ends[0]:.4f} with a frozen backbone, {ends[1]:.4f} with a tuned one")
    assert ends[1] < 0.95 * ends[0], ends


def bfloat16_hardly_changes_a_step(folder):
    from heatvit_training import data

    items, table, seen = data.list_images(folder + "/images"), LatencyTable(folder + "/table.json"), []
    for bfloat16 in (False, True):
        torch.manual_seed(3)
        backbone = VisionTransformer(SMALL)
        export.load_backbone(backbone, folder + "/weights.safetensors")
        model = pruned.PrunedViT(backbone)
        settings = trainer.Settings(epochs=2, batch=24, target_ms=3.4, tuned_learning_rate=1e-3, bfloat16=bfloat16)
        run = trainer.Trainer(model, teacher.build(model, items, 1, 1), settings, table)
        seen.append(run.run_epoch())
        assert all(torch.isfinite(parameter).all() for parameter in model.parameters())
    for name in ("divergence", "feature", "ms"):
        assert abs(seen[1][name] / seen[0][name] - 1) < 0.1, (name, seen)
    assert seen[0]["divergence"] != seen[1]["divergence"], "bfloat16 was not used"


def a_plan_meets_its_latency(folder):
    backbone = VisionTransformer(SMALL)
    export.load_backbone(backbone, folder + "/weights.safetensors")
    model = pruned.PrunedViT(backbone, positions=(3, 4, 5, 6))
    from heatvit_training import data

    cache = teacher.build(model, data.list_images(folder + "/images")[:12], 1, 1)
    placement = strategy.Placement(model, cache, folder + "/table.json")
    unpruned = placement.ms({})
    for target in (3.9, 3.4):
        plan = strategy.search(placement, target, most=2)
        assert 1 <= len(plan.positions) <= 2 and abs(plan.ms / target - 1) < 0.01 < unpruned / target - 1, plan
        ratios = [plan.ratios[position] for position in plan.positions]
        assert ratios == sorted(ratios, reverse=True) and 0 < ratios[-1] < 1
    try:
        strategy.search(placement, 1.0)
    except ValueError as error:
        assert "cannot be reached" in str(error)
    else:
        raise AssertionError("an impossible latency was planned")


def helpers():
    amount, value = thresholds.approach(lambda x: 5 + 3 * x, 7.0)
    assert abs(value / 7 - 1) <= 0.005 and abs(amount - 2 / 3) < 0.02
    asked = []
    falls = lambda count: asked.append(count) or 10 - count / 10  # noqa: E731
    assert [thresholds.closest(falls, target, 1, 98) for target in (7.0, 7.04, 7.06, 99, -99)] == [30, 30, 29, 1, 98]
    assert len(asked) < 5 * 9
    moved = thresholds.shifted({"selectors.0.keep.bias": numpy.float32([1, 2]), "selectors.0.local.bias": numpy.float32([1])}, 0.5)
    assert moved["selectors.0.keep.bias"].tolist() == [1.25, 1.75] and moved["selectors.0.local.bias"].tolist() == [1]
    hard_first = torch.tensor([[5.0, 4.9], [9.0, 1.0], [5.0, 3.0]])  # margins 0.1, 8, 2
    for kept, loss in (([[60.0], [40.0], [50.0]], 0.0), ([[50.0], [50.0], [50.0]], 2 / 3 * 0.04), ([[40.0], [60.0], [50.0]], 2 / 3 * 0.16)):
        assert abs(float(losses.adaptivity(torch.tensor(kept), hard_first, 0.2)) - loss) < 1e-6, (kept, loss)
    assert train.more_copies("a=b*=36", 12) == ("a=b*", 36) and train.more_copies("", 12) == ("", 12)
    page = plot.svg([("a", [(1, 2), (3, 4)], True), ("b", [(2, 2)], False)], "x", "y")
    assert page.count("<circle") == 5 and "<polyline" in page and page.rstrip().endswith("</svg>")


def folds_are_put_together():
    import fronts
    import kfold

    assert fronts.mcnemar("1111100", "0000010") == (5, 1, 14 / 64)
    assert fronts.mcnemar("10", "10") == (0, 0, 1.0)

    def points(right, kept, margins):
        count = len(right)
        shared = {"latency_ms": 2.0, "gmacs": 1.0, "kept": [sum(row[0] for row in kept) / count], "right": right}
        return [{"method": "unpruned", "top1": 1.0, **shared, "margins": margins},
                {"method": "heatvit", "top1": right.count("1") / count, **shared, "point": "35", "kept_of_images": kept}]

    whole = kfold.together([points("110", [[9], [8], [7]], [1.0, 2.0, 3.0]), points("0", [[6]], [4.0])])
    trained = whole[1]
    assert trained["right"] == "1100" and trained["top1"] == 0.5 and trained["kept"] == [7.5] and trained["point"] == "35"
    assert abs(trained["rank_correlation_margin_kept"] + 1) < 1e-9  # the harder, the more
    assert "50.0 % (" in fronts.text_of(whole) and "of 4," in fronts.text_of(whole)
    whole = [{**point, "top1": 0.5} for point in whole]
    table = fronts.markdown([*whole, {**whole[1], "method": "evit"}, {"method": "without package token, float", "top1": 1.0}])
    assert "| @35 | evit | 50.0 % (15.0 to 85.0) | 1.000 | 0.0 % | 2.000 | +0.0 ± 0.0; 0, 0 (1.000) |" in table, table
    assert table.count("\n") == 5, table
    the_summary_has_a_line_a_policy(fronts, whole)


def the_summary_has_a_line_a_policy(fronts, whole):
    """Unpruned 1110, trained 1100: of each policy both accuracies, and what is between it and the trained selectors."""
    def point(method, right, latency, **more):
        return {**whole[1], "method": method, "right": right, "top1": right.count("1") / 4, "latency_ms": latency, **more}

    points = [*whole, point(fronts.DROPPED, "1101", 1.9), point("tome, equal products", "1000", 2.1, merged=26),
              point("tome, equal latency", "0000", 2.0, merged=24), point("tome, tuned backbone, equal products", "1100", 2.1, merged=26),
              point("tome, tuned backbone, equal latency", "1110", 2.0, merged=24), point("random, equal products", "1100", 2.0),
              {**point(fronts.EVERY, "1111", 3.0, merged=8), "point": None}]
    del points[-1]["point"]
    rows = [line.split(" | ") for line in fronts.summary(points).strip().split("\n")]
    assert [row[1] for row in rows[2:]] == ["unpruned", "heatvit (trained, tuned backbone)", fronts.DROPPED + " (tuned backbone)",
                                            "tome"], rows
    assert rows[3][0] == "| @35, 0 % fewer" and rows[4][5] == "-25.0 ± 42.4 (1.000)", rows
    assert rows[5][2:] == ["25.0 % (4.6 to 69.9)", "2.100", "0.0 % (0.0 to 49.0)", "+50.0 ± 49.0 (0.500)", "75.0 %",
                           "-25.0 ± 42.4 (1.000) |"], rows[5]
    found = fronts.tables(points)
    assert list(found) == ["summary", "points", "tuned", "every"], found
    others = [point(policy + word, right, 2.0) for policy, right in (("evit", "1110"), ("cls-attention", "0010"), ("random", "0000"))
              for word in fronts.EQUAL.values()]
    line = fronts.tables([*points[:-4], *others, *points[-4:-2]])["pairs"].strip().split("\n")[-1]
    assert line.startswith("| @35 | +50.0 ± 49.0; 2, 0 (0.500) | +50.0 ± 49.0; 2, 0 (0.500) | -50.0"), line
    assert "tome, equal latency, 24 each" in found["points"] and "tuned" not in found["points"], found["points"]
    assert "| tome, in every block, 8 each | 100.0 % (51.0 to 100.0) | 1.000 | 0.0 % | 3.000 | -" in found["every"], found["every"]


def a_page_gets_its_tables():
    from heatvit_training import page

    tables = {"summary": "| a |\n", "points": "| b \\1 |\n"}
    with tempfile.TemporaryDirectory() as folder:
        path = folder + "/page.md"
        tensors.write_text(path, "".join(f"<!-- of: {name} -->\nold\n<!-- end -->\ntext\n" for name in tables))
        for _ in range(2):  # written twice it is the same
            page.write_tables(path, tables, "of")
            with open(path, encoding="utf-8") as file:
                text = file.read()
            assert text == "<!-- of: summary -->\n\n| a |\n\n<!-- end -->\ntext\n<!-- of: points -->\n\n| b \\1 |\n\n<!-- end -->\ntext\n"
        try:
            page.write_tables(path, {"other": ""}, "of")
            raise AssertionError("a table without a place was accepted")
        except ValueError as error:
            assert "of: other" in str(error)


with tempfile.TemporaryDirectory() as scratch:
    make_inputs(scratch)
    a_run_ends_at_its_latency(scratch)
    the_same_seed_gives_the_same_weights_also_after_a_stop(scratch)
    wrong_input_is_refused(scratch)
    operating_points_need_no_labels_and_go_on_within_an_epoch(scratch)
    crops_are_computed_once(scratch)
    selectors_learn_what_is_hard(scratch)
    hard_images_keep_more(scratch)
    training_beats_its_own_start(scratch)
    tuning_the_backbone_helps(scratch)
    bfloat16_hardly_changes_a_step(scratch)
    a_plan_meets_its_latency(scratch)
    helpers()
    a_page_gets_its_tables()
    folds_are_put_together()
