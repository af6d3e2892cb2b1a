"""models/selectors/heatvit_training against the simulator: twin.py HOME RUN_SIM FOLDER. Fails with an AssertionError.

A DeiT-T of random weights with two selectors at places of their own is written, quantised and run by run_sim; the integers
of twin.py must be the simulator's: the same tokens and the same logits, image by image.
"""

import json
import subprocess
import sys
import tempfile

home, run_sim, folder = sys.argv[1:]
sys.path.insert(0, home + "/models/selectors")
from heatvit_training import runtime  # noqa: E402

runtime.configure(2, 11)
import numpy  # noqa: E402
import torch  # noqa: E402
from heatvit_training import config, data, export, pruned, quantisation, selector, twin  # noqa: E402
from heatvit_training.backbone import VisionTransformer  # noqa: E402
from PIL import Image  # noqa: E402

IMAGES, POSITIONS, BORDER = 4, (5, 9), 16


def picture(seed):
    """Coarse coloured noise of 224 x 224, in a frame that the simulator's centre crop removes without any resizing."""
    rng = numpy.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=numpy.uint8))
    framed = Image.new("RGB", (256, 256))
    framed.paste(coarse.resize((224, 224), Image.BICUBIC), (BORDER, BORDER))
    return framed


def share_kept(model, stage, before):
    """Of the patches, behind this selector. before: what a pass up to it gave, which no shift of it changes; this is asked often."""
    mask = before.candidates[0]
    score = model.selectors[stage](before.tokens, pruned.candidates_of(before.tokens, mask), model.selector_functions)
    return float((mask * selector.threshold(score[:, 1 : 1 + mask.shape[1]])).mean())


def random_model(images, predictor="heatvit"):
    backbone = VisionTransformer(config.find("deit-t"))
    model = pruned.PrunedViT(backbone, positions=POSITIONS, predictor=predictor)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() > 1:
                parameter.copy_(torch.randn_like(parameter) * (1.0 if "selectors" in name else 1.2) / parameter.shape[-1] ** 0.5)
        prefix = model.prefix(images)
        for stage, share in enumerate((0.7, 0.4)):
            before = model.from_prefix(prefix, until=stage)
            selector.shift_to_share(model.selectors[stage], lambda: share_kept(model, stage, before), share, steps=7, reach=4)
        recorder = quantisation.RangeRecorder()
        backbone(images, probe=recorder)
        model.from_prefix(prefix, probe=recorder)  # what comes before it is the backbone's
    return model, recorder.ranges


def call(*arguments):
    subprocess.run([run_sim, *arguments], check=True, stdout=subprocess.DEVNULL)


def predictors_of(files):
    return files[-1]


def expect_same(scratch, answers, package):
    """The last run's kept tokens, numbers of tokens and logits are the twin's: `answers` of its run(), an image each."""
    with open(f"{scratch}/run.json", encoding="utf-8") as file:
        report = json.load(file)
    counts = set()
    for image, (logits, kept, tokens) in zip(report["images"], answers, strict=True):
        assert kept == image["kept"] and tokens == image["tokens"], (image["file"], tokens, image["tokens"])
        assert tokens[-1] == 1 + len(kept[-1]) + int(package), tokens
        for best in image["top5"]:
            assert abs(float(logits[best["class"]]) / 65536 - best["score"]) < 1e-6, (image["file"], best)
        counts.add(tuple(len(k) for k in kept))
    assert len(counts) > 1, counts
    return report


with tempfile.TemporaryDirectory(dir=folder) as scratch:
    pictures = [picture(seed) for seed in range(IMAGES)]
    for number, image in enumerate(pictures):
        image.save(f"{scratch}/{number}.png")
    crops = [data.centre_crop(image, config.find("deit-t")) for image in pictures]
    assert crops[0].size == (224, 224) and crops[0].getpixel((0, 0)) == pictures[0].getpixel((BORDER, BORDER))
    batch = torch.stack([data.to_tensor(crop, config.find("deit-t")) for crop in crops])
    model, ranges = random_model(batch)
    backbone, selectors = f"{scratch}/backbone.safetensors", f"{scratch}/selectors.safetensors"
    export.save_backbone(model.backbone, backbone, ranges=ranges, source="a test")
    export.save_selectors(model, selectors, ranges, "a test")
    files = ("--model", "deit-t", "--weights", backbone, "--selector-weights", selectors)
    call("quantize", *files, "--out", f"{scratch}/quantised.safetensors")
    call(*files, "--images", scratch, "--json", f"{scratch}/run.json")
    with open(f"{scratch}/run.json", encoding="utf-8") as file:
        images = json.load(file)["images"]
    assert len(images) == IMAGES
    integers = twin.Twin(f"{scratch}/quantised.safetensors", heads=3, selectors=POSITIONS)
    counts = set()
    for image, crop in zip(images, crops):
        logits, kept, tokens = integers.run(numpy.array(crop))
        assert kept == image["kept"] and tokens == image["tokens"], (image["file"], tokens, image["tokens"])
        for best in image["top5"]:
            assert abs(float(logits[best["class"]]) / 65536 - best["score"]) < 1e-6, (image["file"], best)
        assert len(kept) == 2 and 0 < len(kept[1]) < len(kept[0]) < 196, tokens
        counts.add(tuple(len(k) for k in kept))
    assert len(counts) > 1, counts  # the threshold decides image by image

    # EViT at the same places: its fused token, number 196, competes in the second one
    call(*files[:4], "--images", scratch, "--json", f"{scratch}/run.json", "--selectors", ",".join(map(str, POSITIONS)),
         "--scorer", "evit", "--prune-rates", "0.5,0.5")
    with open(f"{scratch}/run.json", encoding="utf-8") as file:
        fused = json.load(file)["images"]
    for image, crop in zip(fused, crops):
        logits, kept, tokens = integers.run(numpy.array(crop), evit=(98, 98))
        assert kept == image["kept"] and tokens == image["tokens"], (image["file"], tokens, image["tokens"])
        assert [len(stage) for stage in kept] == [98, 98] and tokens == 5 * [197] + 7 * [100]
        for best in image["top5"]:
            assert abs(float(logits[best["class"]]) / 65536 - best["score"]) < 1e-6, (image["file"], best)

    # token merging at the same places: half of the tokens, then 30 of those that stand for several
    call(*files[:4], "--images", scratch, "--json", f"{scratch}/run.json", "--selectors", ",".join(map(str, POSITIONS)),
         "--scorer", "tome", "--prune-rates", "0.5,0.653")
    with open(f"{scratch}/run.json", encoding="utf-8") as file:
        merged = json.load(file)["images"]
    for image, crop in zip(merged, crops):
        logits, kept, tokens = integers.run(numpy.array(crop), tome=(98, 68))
        assert kept == image["kept"] and tokens == image["tokens"], (image["file"], tokens, image["tokens"])
        assert [len(stage) for stage in kept] == [98, 68] and tokens == 5 * [197] + 4 * [99] + 3 * [69], tokens
        for best in image["top5"]:
            assert abs(float(logits[best["class"]]) / 65536 - best["score"]) < 1e-6, (image["file"], best)
    assert len({tuple(map(tuple, image["kept"])) for image in merged}) > 1

    # without a package token: the selectors as they are, and DynamicViT's predictors in another file
    call(*files, "--images", scratch, "--json", f"{scratch}/run.json", "--package", "off")
    expect_same(scratch, [integers.run(numpy.array(crop), with_package=False) for crop in crops], package=False)
    predictors, predictor_ranges = random_model(batch, "dynamicvit")
    export.save_backbone(predictors.backbone, f"{scratch}/backbone2.safetensors", ranges=predictor_ranges, source="a test")
    export.save_selectors(predictors, f"{scratch}/predictors.safetensors", predictor_ranges, "a test")
    files = ("--model", "deit-t", "--weights", f"{scratch}/backbone2.safetensors", "--selector-weights",
             f"{scratch}/predictors.safetensors")
    call("quantize", *files, "--out", f"{scratch}/quantised2.safetensors")
    one_head = twin.Twin(f"{scratch}/quantised2.safetensors", heads=3, selectors=POSITIONS)
    answers = [one_head.run(numpy.array(crop), with_package=False) for crop in crops]
    for more in (files, (*files, "--scorer", "dynamicvit"), ("--weights", f"{scratch}/quantised2.safetensors", "--scorer", "dynamicvit")):
        call(*more, "--images", scratch, "--json", f"{scratch}/run.json")
        report = expect_same(scratch, answers, package=False)
        assert report["config"]["scorer"] == "dynamicvit" and report["config"]["package"] is False, report["config"]
    for image in report["images"]:
        macs = predictors.config.macs(image["kept_counts"])
        assert abs(image["gmacs"] - macs / 1e9) < 1e-6, (image["gmacs"], macs)
    for wrong, scorer in ((predictors_of(files), "heatvit"), (selectors, "dynamicvit")):
        done = subprocess.run([run_sim, *files[:4], "--selector-weights", wrong, "--scorer", scorer, "--images", scratch],
                              capture_output=True, text=True)
        assert done.returncode == 2 and "the selector weights are of" in done.stderr, done

    # fake quantisation is close to it, but not the same
    with torch.no_grad():
        fake = model(batch, probe=quantisation.FakeQuantizer(ranges))
    for image, count in zip(images, fake.kept()):
        assert all(abs(a - len(b)) <= 20 for a, b in zip(count.tolist(), image["kept"])), (count, image["kept_counts"])
