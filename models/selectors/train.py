#!/usr/bin/python3
"""Trains the token selectors of a vision transformer whose weights stay as they are.

What it does, in order (docs/training.md has the reasons):
  1. splits the images by class into training and validation, and writes both lists to the output folder;
  2. computes a few crops of each image through the unpruned network, once (--cache keeps them for the next run);
  3. warm start: each selector learns which tokens the unpruned network's answer depends on;
  4. training: the whole network answers with pruned tokens; the selectors learn to keep the unpruned network's answer
     (distillation) while the mean latency of the table approaches --target-ms, or at several numbers of products in turn (--saved);
  5. sets thresholds: one constant, so that the mean latency over the training images is the target; with --saved one for each
     selector and each number of products;
  6. writes selectors.safetensors for `run_sim --selector-weights`, and report.json.
Labels are needed for the accuracy alone: without --labels photographs of anything will do.
"""

import fnmatch
import json
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from heatvit_training import options as command_line  # noqa: E402
from heatvit_training import runtime  # noqa: E402  (before torch)

CENTRES = 250  # training images, centre crop, over which thresholds are set; of those with --more-copies, if there are any

EPILOG = """examples:
  run_sim table --model deit-t --out table.json
  train.py --model deit-t --weights deit_tiny_patch16_224.safetensors --images photographs \\
           --labels labels.csv --table table.json --target-ms 3.9 --out run1
  run_sim --model deit-t --weights deit_tiny_patch16_224.safetensors --selector-weights run1/selectors.safetensors \\
          --images photographs --labels labels.csv

  train.py --weights deit_tiny_patch16_224.safetensors --images unlabelled --saved 0.2,0.35,0.5,0.6 --tune 1e-3 --rank 8 \
           --copies 8 --epochs 1 --bfloat16 --cache crops --out family

Ctrl-C, or the end of the machine, costs two minutes at most; the same command with --resume goes on.
"""


def parse_arguments(arguments):
    defaults = __import__("heatvit_training.trainer", fromlist=["Settings"]).Settings()
    parser = command_line.parser_of(__doc__, EPILOG)
    command_line.add_training(parser)
    add = parser.add_argument
    add("--selectors", default="", help="before these blocks, counting from 1 (default: the model's own)")
    add("--keep-ratios", default="", help="cumulative keep ratios of the warm start (default 0.7,0.49,0.343)")
    add("--plan", default="", help="folder of place.py: positions, keep ratios and first weights come from it")
    add("--init", default="", help="start from these selectors instead of the warm start; several, separated by commas: from their mean")
    add("--epochs", type=int, default=defaults.epochs, help="over all crops (default %(default)s); 0: only "
        "thresholds and ranges, of what --init gives")
    add("--saved", default="", help="train for several operating points at once: shares of the products to save, e.g. 0.2,0.35,0.5,0.6; "
        "the second is the file's own, the others are its points (instead of --table and --target-ms); one that stands there twice is "
        "drawn twice as often")
    add("--adaptive-weight", type=float, default=defaults.adaptive_weight, help="of the loss that has hard images keep "
        "more tokens than easy ones (default %(default)s)")
    add("--adaptive-spread", type=float, default=defaults.adaptive_spread, help="how much more (default %(default)s)")
    add("--hardness", type=float, default=0.0, metavar="LOGITS", help="before the training the selectors behind the first learn to "
        "raise the keep logits of hard images by up to so much, and to lower those of easy ones (default %(default)s)")
    add("--rank", type=int, default=0, help="with --tune: differences of this rank for every matrix of the blocks, too (default: none)")
    add("--cls-weight", type=float, default=defaults.cls_weight, help="of the distance of CLS behind each block (default %(default)s)")
    add("--spare", type=int, default=defaults.spare, help="dropped tokens that are computed on for their gradients (default %(default)s)")
    add("--minutes", type=float, default=0.0, help="end the schedule after so much time, whatever --epochs says is left")
    add("--warm-images", type=int, default=defaults.warm_images, help="crops of the warm start (default %(default)s)")
    add("--copies", type=int, default=6, help="crops of each image: the centre and random ones (default %(default)s)")
    add("--more-copies", default="", metavar="NAMES=N", help="of images with such names, e.g. 'imagen_*=36': what the network will see "
        "may be rare in the folder")
    add("--batch", type=int, default=defaults.batch, help="default %(default)s")
    add("--learning-rate", type=float, default=defaults.learning_rate, help="of Adam (default %(default)s)")
    add("--tune", type=float, default=0.0, metavar="RATE",
        help="fine-tune the backbone's LayerNorms and biases at this learning rate, too (default: frozen; try 1e-3)")
    add("--feature-weight", type=float, default=defaults.feature_weight, help="of the feature distance (default %(default)s)")
    add("--bfloat16", action="store_true", help="the backbone's products in bfloat16: less than half the time on CPUs with AVX512_BF16")
    add("--noise", type=float, default=defaults.noise, help="of the Gumbel samples at first, falling to 0.5 (default %(default)s)")
    add("--label-weight", type=float, default=0.0, help="of the classification loss (default: distillation alone)")
    add("--keep-weight", type=float, default=0.0, help="holds keep ratios to --keep-ratios (default: latency alone)")
    add("--fold", default="", help="K/N: the K-th (from 0) of N parts of the classes is the validation")
    add("--predictor", choices=("heatvit", "dynamicvit"), default="heatvit",
        help="dynamicvit: one head, and no package token (default %(default)s)")
    add("--no-package", action="store_true", help="drop tokens without a package token (for comparison)")
    add("--resume", action="store_true", help="go on from the checkpoint in --out, if there is one")
    add("--quiet", action="store_true", help="no progress")
    return parser.parse_args(arguments)


def numbers(text, kind):
    return tuple(kind(part) for part in text.split(",")) if text else ()


def more_copies(text, copies):
    """(names, copies of them) of "NAMES=N", ("", copies) of an empty text."""
    names, _, count = text.rpartition("=")
    if text and not (names and count.isdigit() and int(count) > copies):
        raise ValueError(f"--more-copies {text}: NAMES=N is needed, N above --copies ({copies})")
    return (names, int(count)) if text else ("", copies)


def expect_shares(shares):
    if not all(0 < share < 1 for share in shares):
        raise ValueError("--saved: shares between 0 and 1 are needed, e.g. 0.2,0.35,0.5")


def expect_teachable(options, model):
    if options.epochs < 0:
        raise ValueError(f"--epochs {options.epochs}: 0 or more are needed")
    if not 0 <= options.hardness <= 1000:
        raise ValueError(f"--hardness {options.hardness}: 0 to 1000 logits are possible")
    if options.hardness and len(model.selectors) < 2:
        raise ValueError("--hardness: the selectors behind the first are taught, and here is but one")


def make_settings(options):
    from heatvit_training.trainer import Settings

    settings = Settings(
        epochs=options.epochs, batch=options.batch, learning_rate=options.learning_rate, target_ms=options.target_ms,
        label_weight=options.label_weight, keep_weight=options.keep_weight, noise=options.noise, seed=options.seed,
        tuned_learning_rate=options.tune, bfloat16=options.bfloat16, feature_weight=options.feature_weight,
        reductions=numbers(options.saved, float), cls_weight=options.cls_weight, spare=options.spare, minutes=options.minutes,
        warm_images=options.warm_images, adaptive_weight=options.adaptive_weight, adaptive_spread=options.adaptive_spread,
    )
    if options.keep_ratios:
        settings.keep_ratios = numbers(options.keep_ratios, float)
    return settings


def make_model(options):
    from heatvit_training import setup
    from heatvit_training.pruned import PrunedViT

    backbone = setup.frozen_backbone(options.model, options.weights)
    model = PrunedViT(backbone, use_package=not options.no_package, prefix_block=options.first,
                      positions=numbers(options.selectors, int) or None, predictor=options.predictor)
    return model


def make_data(options, model):
    """(training, validation) of teacher.Crops; the lists are written to the output folder, and that of the training images with
    --more-copies."""
    from heatvit_training import data, setup

    split = setup.Split(options.images, options.labels, options.validation_share, options.fold, options.seed)
    split.write(options.out)
    names, most = more_copies(options.more_copies, options.copies)
    crops = setup.teacher_crops(model.backbone, model.prefix_block, split.items, most, options.weights, options.cache, options.bfloat16)
    often = [n for n in split.training if names and fnmatch.fnmatch(os.path.basename(split.items[n][0]), names)]
    if names and not often:
        raise ValueError(f"--more-copies {options.more_copies}: no image in training has such a name")
    if often:
        data.write_file_list(os.path.join(options.out, "often.csv"), [split.items[n] for n in often])
    return crops.of(split.training, options.copies, often), crops.of(split.validation, 1).rows(slice(None))


def apply_plan(options):
    """Positions, ratios and warm-started selectors of place.py stand in for the options they replace."""
    with open(os.path.join(options.plan, "plan.json"), encoding="utf-8") as file:
        plan = json.load(file)
    options.selectors = ",".join(str(block) for block in plan["positions"])
    options.keep_ratios = ",".join(str(plan["ratios"][str(block)]) for block in plan["positions"])
    options.init = options.init or os.path.join(options.plan, "selectors.safetensors")


def train(options, model, training, validation, table):
    import torch
    from heatvit_training import export, hardness, tensors, trainer
    from heatvit_training.progress import Progress

    settings = make_settings(options)
    if options.rank:
        model.add_differences(options.rank, torch.Generator().manual_seed(options.seed))
    run = trainer.Trainer(model, training, settings, table)
    checkpoint = os.path.join(options.out, "checkpoint.pt")
    if options.resume and os.path.exists(checkpoint):
        run.restore(torch.load(checkpoint))
    else:
        shown = Progress("warm start", options.quiet)
        if options.init:
            export.load_selectors(model, *options.init.split(","))
        else:
            trainer.warm_start(model, training, settings, lambda text: shown.show(0, 1, text))
        if options.hardness:
            hardness.teach(model, training, settings, options.hardness, lambda text: shown.show(0, 1, text))
        shown.finish()

    def keep():
        tensors.write_atomically(checkpoint, lambda stream: torch.save(run.state(), stream))

    keep()

    while not run.over():
        shown = Progress(f"epoch {run.epoch + 1} of {settings.epochs}", options.quiet)
        means = run.run_epoch(shown.show, keep)
        shown.finish()
        keep()
        if not options.quiet:
            print(f"epoch {run.epoch:2}: " + " ".join(f"{name} {value:.3f}" for name, value in means.items()), flush=True)
            if len(validation) and run.epoch % 5 == 0 and run.epoch < settings.epochs:
                print(f"  validation: {trainer.evaluate(model, validation, table, bfloat16=options.bfloat16).text()}", flush=True)
    run.take_best()
    return run


def judged(model, validation, table, bfloat16=False):
    import torch
    from heatvit_training import trainer

    result = trainer.evaluate(model, validation, table, bfloat16=bfloat16)
    unpruned = float((validation.logits.argmax(1) == validation.labels).float().mean())
    margin_rank = result.margin.argsort().argsort().float()
    kept_rank = result.kept.sum(1).argsort().argsort().float()
    print(f"validation: unpruned {100 * unpruned:.1f} %, pruned {result.text()}")
    return {
        "images": len(validation),
        "top1_unpruned": unpruned,
        "top1": float(result.correct.float().mean()),
        "agreement": float(result.agree.float().mean()),
        "divergence": float(result.divergence.mean()),
        "kept_mean": result.kept.mean(0).tolist(),
        "kept_std": result.kept.std(0).tolist(),
        "gmacs": float(result.macs.mean()) / 1e9,
        "ms": None if result.ms is None else float(result.ms.mean()),
        "rank_correlation_margin_kept": float(torch.corrcoef(torch.stack((margin_rank, kept_rank)))[0, 1]),
    }


def finish(options, model, run, training, validation, table, begin):
    """The constant shift, ranges for the quantisation, weights and report."""
    import torch
    from heatvit_training import export, points, quantisation, tensors, trainer

    most = int(training.copy.max())  # of the images with --more-copies, or of all
    own = torch.nonzero((training.copy == 0) & torch.isin(training.image, training.image[training.copy == most]))[:, 0]
    centre = training.rows(own[:: max(1, len(own) // CENTRES)][:CENTRES])
    metadata = {"heatvit.training": f"train.py, seed {options.seed}, " +
                (f"saved {options.saved}" if options.saved else f"target {options.target_ms} ms")}
    shift = 0.0
    if options.saved:
        found = points.settle(model, centre, numbers(options.saved, float), options.bfloat16, print)
        metadata[export.POINTS] = points.text_of(found)
    else:
        shift = trainer.calibrate_latency(model, centre, table, options.target_ms)
    recorder = quantisation.RangeRecorder()
    trainer.evaluate(model, centre, probe=recorder, bfloat16=options.bfloat16)
    validated = judged(model, validation, table, options.bfloat16) if len(validation) else None
    minutes = (time.monotonic() - begin) / 60
    report = {
        "options": vars(options),
        "parameters": sum(p.numel() for p in model.selectors.parameters()),
        "tuned_parameters": sum(p.numel() for p in run.tuned.values()),
        "minutes": minutes,
        "peak_megabytes": runtime.peak_megabytes(),
        "shift": shift,
        "history": run.history,
        "validation": validated,
    }
    source = f"float network, largest absolute value over {len(centre)} training images"
    tuned = export.differences(model, tensors.read_safetensors(options.weights)[0])
    export.save_selectors(model, os.path.join(options.out, "selectors.safetensors"), recorder.ranges, source, metadata, tuned)
    tensors.write_text(os.path.join(options.out, "report.json"), json.dumps(report, indent=1) + "\n")
    print(f"{minutes:.1f} min, {report['peak_megabytes']:.0f} MB")


def main(arguments=None):
    options = parse_arguments(arguments)
    runtime.configure(options.threads, options.seed)
    from heatvit_training.latency_table import LatencyTable

    def body():
        start = time.monotonic()
        os.makedirs(options.out, exist_ok=True)
        if options.plan:
            apply_plan(options)
        model = make_model(options)
        expect_teachable(options, model)
        if options.saved:
            expect_shares(numbers(options.saved, float))
        elif not options.target_ms:
            raise ValueError("--target-ms is needed, or --saved")
        else:
            command_line.expect_latency(options)
        table = LatencyTable(options.table, model.config.selectors) if options.table else None
        training, validation = make_data(options, model)
        run = train(options, model, training, validation, table)
        finish(options, model, run, training, validation, table, start)

    kept = "; the last whole epoch is kept, --resume goes on from it"
    return command_line.exit_code_of("train.py", body, kept)


if __name__ == "__main__":
    sys.exit(main())
