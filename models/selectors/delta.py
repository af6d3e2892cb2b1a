#!/usr/bin/python3
"""What the factors delta1 (GELU) and delta2 (softmax) do to the quantisation error: deit-micro, with and without training.

The paper scales its polynomials by delta < 1 so that quantisation errors shrink on their way through them. Measured here, for
delta 1 and 0.5: accuracy in float and with fake quantisation (8 bit, ranges of the network at hand), the error of the logits
relative to their size, and the absolute error behind GELU (fc2.in) and behind attention (proj.in), mean over the blocks. Each
for the weights as they are and after a training with that delta (distillation from the weights as they are with exact
functions; the same number of steps for both deltas).
"""

import argparse
import copy
import json
import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "zoo", "micro")]
from heatvit_training import runtime  # noqa: E402  (before torch)


def parse_arguments(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--weights", default=os.path.join(HERE, "..", "zoo", "micro", "weights.safetensors"), help="default: as shipped")
    add("--steps", type=int, default=300, help="of training, 64 pictures each (default %(default)s)")
    add("--pictures", type=int, default=4000, help="drawn for training (default %(default)s)")
    add("--validation", type=int, default=1000, help="other pictures (default %(default)s)")
    add("--learning-rate", type=float, default=5e-4, help="of Adam (default %(default)s)")
    add("--seed", type=int, default=1, help="default %(default)s")
    add("--threads", type=int, default=2, help="default %(default)s")
    add("--out", default="", help="JSON file for the figures")
    return parser.parse_args(arguments)


def pictures(config, seed, count):
    """(images, labels): drawn, normalised."""
    import generate
    import torch

    pixels, labels, *_ = generate.dataset(seed, count)
    images = torch.from_numpy(pixels).float() / 255
    return ((images - torch.tensor(config.mean)) / torch.tensor(config.std)).permute(0, 3, 1, 2), torch.from_numpy(labels).long()


class Tap:
    """A probe that remembers the tensors behind GELU and attention, in front of another probe's rounding."""

    def __init__(self, inner=None):
        self.inner, self.seen = inner, {}
        self.quantizes_weights = getattr(inner, "quantizes_weights", False)

    def __call__(self, name, tensor):
        if name.endswith((".fc2.in", ".proj.in")):
            self.seen[name] = tensor.detach()
        return tensor if self.inner is None else self.inner(name, tensor)


def measure(backbone, functions, images, labels):
    import torch
    from heatvit_training.quantisation import FakeQuantizer, RangeRecorder

    with torch.no_grad():
        recorder = RangeRecorder()
        backbone(images[:128], functions, recorder)
        exact, rounded = Tap(), Tap(FakeQuantizer(recorder.ranges))
        a, b = backbone(images, functions, exact), backbone(images, functions, rounded)

    def error(suffix):
        names = [name for name in exact.seen if name.endswith(suffix)]
        return sum(float((rounded.seen[n] - exact.seen[n]).pow(2).mean().sqrt()) for n in names) / len(names)

    return {
        "top1_float": float((a.argmax(1) == labels).float().mean()),
        "top1_int8": float((b.argmax(1) == labels).float().mean()),
        "logit_error": float((a - b).pow(2).mean().sqrt() / a.pow(2).mean().sqrt()),
        "gelu_error": error(".fc2.in"),
        "attention_error": error(".proj.in"),
    }


def trained(teacher, functions, images, options):
    """A copy of the network, trained with these functions to answer as the teacher does with the exact ones."""
    import torch
    from heatvit_training import losses

    student = copy.deepcopy(teacher)
    optimizer = torch.optim.Adam(student.parameters(), options.learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, options.steps)
    random = torch.Generator().manual_seed(options.seed)
    for _ in range(options.steps):
        batch = images[torch.randint(0, len(images), (64,), generator=random)]
        with torch.no_grad():
            answer = teacher(batch)
        loss = losses.distillation(student(batch, functions), answer)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return student


def main(arguments=None):
    options = parse_arguments(arguments)
    runtime.configure(options.threads, options.seed)
    from heatvit_training import config, export, tensors
    from heatvit_training.backbone import VisionTransformer
    from heatvit_training.nonlinearities import Nonlinearities

    start = time.monotonic()
    teacher = VisionTransformer(config.find("deit-micro"))
    export.load_backbone(teacher, options.weights)
    images, _ = pictures(teacher.config, 1000 + options.seed, options.pictures)
    held_out, labels = pictures(teacher.config, 2000 + options.seed, options.validation)
    rows = []
    for delta in (1.0, 0.5):
        functions = Nonlinearities(True, delta, delta)
        for training in (False, True):
            network = trained(teacher, functions, images, options) if training else teacher
            rows.append({"delta": delta, "trained": training, **measure(network, functions, held_out, labels)})
            print(" ".join(f"{key} {value:.4f}" if isinstance(value, float) else f"{key} {value}" for key, value in rows[-1].items()),
                  flush=True)
    if options.out:
        document = {"rows": rows, "minutes": (time.monotonic() - start) / 60, "megabytes": runtime.peak_megabytes()}
        tensors.write_text(options.out, json.dumps(document, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
