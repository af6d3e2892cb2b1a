"""Weight files of the simulator: backbones with timm's names, selectors as in models/selectors/README.md."""

import torch

from .quantisation import ranges_text
from .tensors import read_safetensors, write_safetensors

SELECTOR_PREFIX = "selectors."


def arrays_of(module, prefix=""):
    return {prefix + name: value.detach().float().numpy() for name, value in module.state_dict().items()}


def load_state(module, arrays, origin, prefix=""):
    """Copies arrays into a module; every tensor of the module must be there, in its shape."""
    state = {}
    for name, value in module.state_dict().items():
        if prefix + name not in arrays:
            raise ValueError(f"{origin}: no tensor '{prefix + name}'")
        array = arrays[prefix + name]
        if tuple(array.shape) != tuple(value.shape):
            raise ValueError(f"{origin}: tensor '{prefix + name}' has shape {array.shape}, {tuple(value.shape)} is needed")
        state[name] = torch.from_numpy(array.astype("float32"))
    module.load_state_dict(state)


def load_backbone(backbone, path):
    load_state(backbone, read_safetensors(path)[0], path)


def load_selectors(selectors, path):
    load_state(selectors, read_safetensors(path)[0], path, SELECTOR_PREFIX)


def save_backbone(backbone, path, metadata=None, ranges=None, source=""):
    """ranges: activation ranges of the backbone; they go into the metadata where the simulator looks for them."""
    metadata = dict(metadata or {})
    if ranges:
        metadata["heatvit.ranges"] = ranges_text(backbone.config.name, source, ranges)
    write_safetensors(path, arrays_of(backbone), metadata)


def save_selectors(model, path, ranges, source, metadata=None):
    """model: a PrunedViT. ranges: of the tensors `selector.*` (others are left out). source: how they came about."""
    selected = {name: value for name, value in ranges.items() if name.startswith("selector.")}
    metadata = {**(metadata or {}), "heatvit.positions": ",".join(str(position) for position in model.config.selectors)}
    if selected:
        metadata["heatvit.ranges"] = ranges_text(model.config.name, source, selected)
    write_safetensors(path, arrays_of(model.selectors, SELECTOR_PREFIX), metadata)
