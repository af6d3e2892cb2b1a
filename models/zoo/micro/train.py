#!/usr/bin/python3
"""Makes deit-micro from nothing: pictures, backbone, token selectors, one safetensors file. docs/deit-micro.md

    ./train.py --work micro-training                   about 15 minutes of two cores; writes weights.safetensors beside it
    ./train.py --work try --pictures 200 --validation 100 --steps 20 --selector-steps 5 --together-steps 8     does it run?

The same seed and number of threads give the same weights on the same machine. --work keeps the pictures and the trained
backbone: a run that was stopped goes on behind the last finished stage.
"""
import argparse
import copy
import pathlib
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "selectors")]

from heatvit_training import runtime  # before torch  # noqa: E402

import numpy as np  # noqa: E402
import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402
from torch import nn  # noqa: E402

import generate  # noqa: E402
from heatvit_training import losses  # noqa: E402
from heatvit_training.backbone import VisionTransformer  # noqa: E402
from heatvit_training.config import find  # noqa: E402
from heatvit_training.export import SELECTOR_PREFIX, arrays_of  # noqa: E402
from heatvit_training.pruned import Decision, PrunedViT  # noqa: E402
from heatvit_training.quantisation import RangeRecorder, ranges_text  # noqa: E402
from heatvit_training.tensors import write_safetensors  # noqa: E402

CONFIG = find("deit-micro")
TRAINING_SEED, VALIDATION_SEED = 1, 2  # of the pictures; the shipped ones have 7
BATCH = 64
CALIBRATION = 256  # pictures of the training set


class Pictures:
    """Pictures in memory: pixels uint8 (count, 64, 64, 3), labels, labels of the patches."""

    def __init__(self, work, seed, count, log):
        path = work / f"pictures-{seed}-{count}.npz"
        if not path.exists():
            start = time.process_time()
            pixels, labels, patches, _ = generate.dataset(seed, count)
            np.savez(path, pixels=pixels, labels=labels, patches=patches)
            log(f"{count} pictures of seed {seed}: {time.process_time() - start:.0f} s")
        arrays = np.load(path)
        self.pixels = torch.from_numpy(arrays["pixels"])
        self.labels = torch.from_numpy(arrays["labels"]).long()
        self.patches = torch.from_numpy(arrays["patches"]).long()

    def __len__(self):
        return len(self.labels)

    def batch(self, count, random):
        """A random batch, augmented: mirrored, colour channels exchanged."""
        index = torch.randint(0, len(self), (count,), generator=random)
        pixels, patches = self.pixels[index], self.patches[index]
        if torch.rand((), generator=random) < 0.5:
            cells = generate.SIDE // generate.PATCH
            pixels, patches = pixels.flip(2), patches.view(-1, cells, cells).flip(2).flatten(1)
        return normalised(pixels[..., torch.randperm(3, generator=random)]), self.labels[index], patches


def normalised(pixels):
    mean, std = torch.tensor(CONFIG.mean), torch.tensor(CONFIG.std)
    return ((pixels / 255.0 - mean) / std).permute(0, 3, 1, 2)


class Schedule:
    """Learning rate: linear from zero over the first tenth, then a cosine to zero."""

    def __init__(self, optimiser, steps, peak):
        self.optimiser, self.steps, self.peak = optimiser, steps, peak

    def __call__(self, step):
        warm = self.steps * 0.1
        rate = step / warm if step < warm else 0.5 * (1 + np.cos(np.pi * (step - warm) / (self.steps - warm)))
        for group in self.optimiser.param_groups:
            group["lr"] = self.peak * max(float(rate), 0.01)


class Progress:
    """A line now and then: step, losses, CPU time, what is left."""

    def __init__(self, title, steps, log, every=100):
        self.title, self.steps, self.log, self.every, self.start = title, steps, log, every, time.process_time()
        self.began = time.monotonic()

    def __call__(self, step, **values):
        if step % self.every != 0 and step != self.steps:
            return
        text = "  ".join(f"{name} {value:.3f}" for name, value in values.items())
        left = (time.monotonic() - self.began) * (self.steps - step) / max(step, 1)
        self.log(f"{self.title} {step}/{self.steps}  {text}  {time.process_time() - self.start:.0f} s CPU, "
                 f"{left / 60:.0f} min left")


def accuracy(predict, pictures, batch=200):
    """Share of right classes; predict(images) -> logits."""
    right = 0
    with torch.no_grad():
        for i in range(0, len(pictures), batch):
            logits = predict(normalised(pictures.pixels[i : i + batch]))
            right += int((logits.argmax(1) == pictures.labels[i : i + batch]).sum())
    return right / len(pictures)


def kept_patches(labels, count, random):
    """A random choice of `count` patches that favours those of the shape: (images, count)."""
    order = torch.rand(labels.shape, generator=random) - 0.5 * (labels != generate.BACKGROUND)
    return order.argsort(1)[:, :count]


def patch_count(step, steps):
    """Patches a training step looks at: half of them for most of the time, then all and fewer in turn."""
    patches = CONFIG.patches
    return patches // 2 if step < 0.7 * steps else (patches, patches * 5 // 8, patches * 3 // 8)[step % 3]


def train_backbone(pictures, validation, steps, random, log):
    """Class from the CLS token, and from every patch whether it shows the shape, and which one (token labels as in
    LV-ViT's training): with it, a backbone this small learns in minutes. Patches are left out at random, so that the
    backbone is used to the absence of tokens."""
    backbone = VisionTransformer(CONFIG)
    for module in backbone.modules():  # wider than timm's 0.02, which suits a width of 192 and more
        if isinstance(module, nn.Linear):
            nn.init.trunc_normal_(module.weight, std=0.05)
    patch_head = nn.Linear(CONFIG.dim, generate.BACKGROUND + 1)  # for training only
    named = [*backbone.named_parameters(), *patch_head.named_parameters()]
    decayed = [p for name, p in named if p.ndim > 1 and name not in ("cls_token", "pos_embed")]
    others = [p for name, p in named if p.ndim < 2 or name in ("cls_token", "pos_embed")]
    optimiser = torch.optim.AdamW([{"params": decayed, "weight_decay": 0.05}, {"params": others, "weight_decay": 0.0}],
                                  betas=(0.9, 0.98))
    schedule, progress = Schedule(optimiser, steps, 1e-3), Progress("backbone", steps, log)
    for step in range(1, steps + 1):
        schedule(step)
        images, labels, patches = pictures.batch(BATCH, random)
        x, count = backbone.embed(images), patch_count(step, steps)
        if count < CONFIG.patches:
            rows = kept_patches(patches, count, random)
            patches = patches.gather(1, rows)
            x = torch.cat((x[:, :1], x[:, 1:].gather(1, rows[:, :, None].expand(-1, -1, CONFIG.dim))), 1)
        for number in range(1, CONFIG.depth + 1):
            x = backbone.block(number, x)
        x = backbone.norm(x)
        of_class = F.cross_entropy(backbone.head(x[:, 0]), labels, label_smoothing=0.05)
        of_patches = F.cross_entropy(patch_head(x[:, 1:]).flatten(0, 1), patches.flatten())
        optimiser.zero_grad()
        (of_class + of_patches).backward()
        nn.utils.clip_grad_norm_(backbone.parameters(), 1.0)
        optimiser.step()
        progress(step, of_class=of_class, of_patches=of_patches)
        if step % 500 == 0 or step == steps:
            log(f"validation pictures right: {accuracy(backbone, validation):.1%}")
    return backbone


def pruned_loss(output, teacher, targets):
    """Distillation from the unpruned network, and the mean keep ratios of a batch (so that one picture may keep more than
    another) at `targets`. Returns the loss and what to show of it."""
    distance = losses.distillation(output.logits, teacher)
    loss = distance + 40 * losses.keep_ratio(output.kept(), CONFIG.patches, targets)
    kept = (output.kept() / CONFIG.patches).mean(0).tolist()
    return loss, {"distillation": distance, **{f"kept{i + 1}": share for i, share in enumerate(kept)}}


def train_selectors(model, pictures, steps, targets, random, log):
    """The selectors alone, the backbone as it is: no labels, and scores pushed to a decision."""
    optimiser = torch.optim.AdamW(model.selectors.parameters(), weight_decay=0.01)
    schedule, progress = Schedule(optimiser, steps, 3e-3), Progress("selectors", steps, log, 50)
    for step in range(1, steps + 1):
        schedule(step)
        images, _, _ = pictures.batch(BATCH, random)
        with torch.no_grad():
            teacher, prefix = model.backbone(images), model.prefix(images)
        share = step / steps
        output = model.from_prefix(prefix, Decision(True, 1.0 - 0.5 * share, 1.0 - share, random))
        loss, shown = pruned_loss(output, teacher, targets)
        optimiser.zero_grad()
        (loss + 0.1 * share * losses.sharpness(output.scores, output.masks)).backward()
        optimiser.step()
        progress(step, **shown)


def unpruned_logits(backbone, prefix):
    x = prefix
    for number in range(CONFIG.selectors[0], CONFIG.depth + 1):
        x = backbone.block(number, x)
    return backbone.head(backbone.features(x))


def train_together(model, pictures, steps, targets, random, log):
    """Selectors and the blocks behind the first of them, so that these learn to live with what is left. Every fourth step
    is unpruned: the network must stay right without selectors, too."""
    original = copy.deepcopy(model.backbone)
    first = CONFIG.selectors[0]
    later = [p for part in (*model.backbone.blocks[first - 1 :], model.backbone.norm, model.backbone.head)
             for p in part.parameters()]
    optimiser = torch.optim.AdamW([*later, *model.selectors.parameters()], weight_decay=0.01)
    schedule, progress = Schedule(optimiser, steps, 5e-4), Progress("together", steps, log, 50)
    for step in range(1, steps + 1):
        schedule(step)
        images, labels, _ = pictures.batch(BATCH, random)
        with torch.no_grad():
            teacher, prefix = original(images), model.prefix(images)
        if step % 4 == 0:
            logits = unpruned_logits(model.backbone, prefix)
            loss = losses.distillation(logits, teacher)
        else:
            output = model.from_prefix(prefix, Decision(True, 0.5, 0.3 * (1 - step / steps), random))
            logits = output.logits
            loss, shown = pruned_loss(output, teacher, targets)
            loss = loss + 0.2 * losses.sharpness(output.scores, output.masks)
        optimiser.zero_grad()
        (loss + losses.classification(logits, labels, smoothing=0.05)).backward()
        optimiser.step()
        progress(step, **shown)


@torch.no_grad()
def activation_ranges(model, pictures):
    """The largest absolute value of every activation tensor, unpruned and pruned by the threshold (gathered, as the
    hardware does it): from these come the scales of the 8-bit numbers."""
    recorder = RangeRecorder()
    images = normalised(pictures.pixels[:CALIBRATION])
    model.backbone(images, probe=recorder)
    for image in images:
        model.evaluate_one(image, recorder)
    return recorder.ranges


def export(model, pictures, path, source):
    """Backbone and selectors in one file, in half precision: the hardware rounds them to 8 bits anyway."""
    arrays = {**arrays_of(model.backbone), **arrays_of(model.selectors, SELECTOR_PREFIX)}
    ranges = ranges_text(CONFIG.name, source, activation_ranges(model, pictures))
    write_safetensors(path, {name: array.astype("<f2") for name, array in arrays.items()}, {"heatvit.ranges": ranges})


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=pathlib.Path, required=True, help="folder for pictures and intermediate results")
    parser.add_argument("--out", type=pathlib.Path, default=HERE / "weights.safetensors", help="the weight file")
    parser.add_argument("--pictures", type=int, default=30000, help="to train on (default 30000)")
    parser.add_argument("--validation", type=int, default=2000, help="to report on (default 2000)")
    parser.add_argument("--steps", type=int, default=3200, help="of the backbone, 64 pictures each (default 3200)")
    parser.add_argument("--selector-steps", type=int, default=250, help="of the selectors alone (default 250)")
    parser.add_argument("--together-steps", type=int, default=400, help="of selectors and later blocks (default 400)")
    parser.add_argument("--keep", default="0.6,0.45,0.3", help="mean share of the patches behind each selector")
    parser.add_argument("--seed", type=int, default=1, help="of weights and batches (default 1)")
    parser.add_argument("--threads", type=int, default=2, help="of PyTorch (default 2)")
    return parser.parse_args()


def main():
    options = parse_arguments()
    options.work.mkdir(parents=True, exist_ok=True)
    start = time.process_time(), time.monotonic()
    runtime.configure(options.threads, options.seed)
    random = torch.Generator().manual_seed(options.seed)

    def log(text):
        print(text, file=sys.stderr, flush=True)

    pictures = Pictures(options.work, TRAINING_SEED, options.pictures, log)
    validation = Pictures(options.work, VALIDATION_SEED, options.validation, log)
    saved = options.work / f"backbone-{options.seed}-{options.pictures}-{options.steps}.pt"
    if saved.exists():
        backbone = VisionTransformer(CONFIG)
        backbone.load_state_dict(torch.load(saved))
    else:
        backbone = train_backbone(pictures, validation, options.steps, random, log)
        torch.save(backbone.state_dict(), saved)
    torch.manual_seed(options.seed + 1)
    model = PrunedViT(backbone)
    targets = [float(share) for share in options.keep.split(",")]
    random.manual_seed(options.seed + 1)  # the same whether the backbone was trained now or before
    train_selectors(model, pictures, options.selector_steps, targets, random, log)
    log(f"validation, pruned: {accuracy(lambda x: model(x).logits, validation):.1%}")
    train_together(model, pictures, options.together_steps, targets, random, log)
    log(f"validation, pruned: {accuracy(lambda x: model(x).logits, validation):.1%}, "
        f"unpruned: {accuracy(backbone, validation):.1%}")
    export(model, pictures, options.out, f"models/zoo/micro/train.py --seed {options.seed}, {CALIBRATION} pictures")
    log(f"{options.out}: {options.out.stat().st_size} bytes; {time.process_time() - start[0]:.0f} s CPU, "
        f"{time.monotonic() - start[1]:.0f} s, {runtime.peak_megabytes():.0f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
