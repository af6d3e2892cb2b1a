"""Fake quantisation: values rounded to the grid of the hardware's integers, gradients passed straight through.

A *probe* is a callable (tensor name, tensor) -> tensor that the modules apply to every activation the hardware stores;
names as in models/quant/calibration.h. None: nothing happens.
    RangeRecorder   remembers the largest absolute value of each tensor and returns it unchanged
    FakeQuantizer   rounds to int8 at the calibrated range (fixed formats for scores, probabilities and GELU's input)
Weights are rounded per output channel by `quantized_weight`.
"""

import json

import torch

RANGES_SCHEMA = "heatvit-sim/ranges/1"
TOP = 127.0
RESIDUAL_HEADROOM = 1.0625  # kResidualHeadroom of models/quant/quantize.h
# Suffix of a tensor's name -> value of one LSB, smallest and largest integer (docs/numerics.md section 2).
FIXED = {
    ".scores": (1 / 256, -32768, 32767),
    ".probabilities": (1 / 255, 0, 255),
    ".pre_gelu": (1 / 1024, -32768, 32767),
    ".keep.out": (1 / 256, -32768, 32767),
    ".head2.out": (1 / 4096, -32768, 32767),
}
UNQUANTIZED = (".weight", ".score")


class _Round(torch.autograd.Function):
    """Nearest integer within [low, high]; the gradient passes where nothing was clipped."""

    @staticmethod
    def forward(context, x, low, high):
        context.save_for_backward((x >= low) & (x <= high))
        return x.round().clamp_(low, high)

    @staticmethod
    def backward(context, gradient):
        return gradient * context.saved_tensors[0], None, None


def fake_quantize(x, scale, low=-TOP - 1, high=TOP):
    return _Round.apply(x / scale, low, high) * scale


def quantized_weight(weight):
    """int8 in [-127, 127], a scale for each output channel (dimension 0)."""
    flat = weight.detach().flatten(1)
    scale = (flat.abs().amax(1) / TOP).clamp(min=1e-12).reshape(-1, *[1] * (weight.dim() - 1))
    return fake_quantize(weight, scale, -TOP, TOP)


class RangeRecorder:
    def __init__(self):
        self.ranges = {}

    def __call__(self, name, tensor):
        if not name.endswith(tuple(FIXED) + UNQUANTIZED):
            self.ranges[name] = max(self.ranges.get(name, 0.0), float(tensor.detach().abs().max()))
        return tensor


class FakeQuantizer:
    """`ranges`: tensor name -> largest absolute value. A tensor without a range is an error."""

    quantizes_weights = True

    def __init__(self, ranges, residual_bits=16):
        self.ranges = dict(ranges)
        self.residual_top = 32767.0 if residual_bits == 16 else TOP

    def __call__(self, name, tensor):
        for suffix, (scale, low, high) in FIXED.items():
            if name.endswith(suffix):
                return fake_quantize(tensor, scale, low, high)
        if name.endswith(UNQUANTIZED):
            return tensor
        if name not in self.ranges:
            raise ValueError(f"no calibrated range for tensor '{name}'")
        if name == "residual":
            scale = self.ranges[name] * RESIDUAL_HEADROOM / self.residual_top
            return fake_quantize(tensor, scale, -self.residual_top - 1, self.residual_top)
        return fake_quantize(tensor, self.ranges[name] / TOP)


def apply_probe(probe, name, tensor):
    return tensor if probe is None else probe(name, tensor)


def linear(layer, x, probe=None):
    """A torch.nn.Linear; with fake quantisation, its weight rounded."""
    if getattr(probe, "quantizes_weights", False):
        return torch.nn.functional.linear(x, quantized_weight(getattr(layer, "whole", layer.weight)), layer.bias)
    return layer(x)


def read_ranges(path):
    with open(path, encoding="utf-8") as file:
        document = json.load(file)
    if document.get("schema") != RANGES_SCHEMA:
        raise ValueError(f"{path}: not a ranges file")
    return document["ranges"]


def ranges_text(model, source, ranges):
    """A ranges file (models/quant/calibration.h) as text: what the metadata `heatvit.ranges` of a weight file holds."""
    rounded = {name: float(f"{value:.7g}") for name, value in sorted(ranges.items())}
    return json.dumps({"schema": RANGES_SCHEMA, "model": model, "source": source, "ranges": rounded}, indent=1)
