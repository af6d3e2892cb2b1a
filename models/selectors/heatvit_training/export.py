"""Weight files of the simulator: backbones with timm's names, selectors as in models/selectors/README.md."""

import torch

from .quantisation import ranges_text
from .tensors import read_safetensors, write_safetensors

SELECTOR_PREFIX = "selectors."
POINTS = "heatvit.points"  # metadata: shifts of the keep logits for other operating points
TUNED_PREFIX = "tuned."  # differences that are added to the backbone's tensors of these names


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


WITHOUT_EFFECT = (SELECTOR_PREFIX, TUNED_PREFIX, "mask_token")


def load_backbone(backbone, path):
    """timm's names alone. A tensor that has no place in the backbone would change what the network computes."""
    arrays = read_safetensors(path)[0]
    places = backbone.state_dict()
    lacking = [name for name in places if name not in arrays]
    if lacking:
        raise ValueError(f"{path}: no tensor '{lacking[0]}'; run_sim import writes other forms of a network under these names")
    left = [name for name in arrays if name not in places and not name.startswith(WITHOUT_EFFECT)]
    if left:
        raise ValueError(f"{path}: tensor '{left[0]}' has no place in the network that is trained here")
    load_state(backbone, arrays, path)


def mean_of(paths):
    """name -> mean of that tensor over several files, which have the same tensors. The mean of two trainings from the same
    start computes about what their mean output would be."""
    files = [read_safetensors(path)[0] for path in paths]
    for path, arrays in zip(paths, files):
        shapes = [{name: array.shape for name, array in some.items()} for some in (files[0], arrays)]
        if shapes[0] != shapes[1]:
            raise ValueError(f"{path}: other tensors than {paths[0]}; there is no mean of the two")
    return {name: sum(arrays[name].astype("float32") for arrays in files) / len(files) for name in files[0]}


def load_selectors(model, path, *more):
    """model: a PrunedViT. Selectors, and differences where the file has any: they are added to the backbone. More than one file:
    their mean."""
    arrays = mean_of((path, *more)) if more else read_safetensors(path)[0]
    load_state(model.selectors, arrays, path, SELECTOR_PREFIX)
    parameters = dict(model.backbone.named_parameters())
    for name, array in arrays.items():
        if name.startswith(TUNED_PREFIX):
            _add(parameters, name[len(TUNED_PREFIX) :], array, arrays, path)


@torch.no_grad()
def _add(parameters, name, array, arrays, path):
    """One tensor of a difference. A difference of low rank goes into the backbone's own where that has the same rank."""
    array = torch.from_numpy(array.astype("float32"))
    if name.endswith((".weight.up", ".weight.down")):
        layer, part = name.rsplit(".", 1)
        other = "down" if part == "up" else "up"
        if f"{TUNED_PREFIX}{layer}.{other}" not in arrays:
            raise ValueError(f"{path}: tensor '{TUNED_PREFIX}{name}' has no '{other}' that it could be multiplied with")
        own = parameters.get(name.replace(".weight.", "."))
        if own is not None and own.shape == array.shape:
            own.copy_(array)
            return
        if part == "down":
            return  # with its up
        down = torch.from_numpy(arrays[f"{TUNED_PREFIX}{layer}.down"].astype("float32"))
        if down.shape[0] != array.shape[1]:
            raise ValueError(f"{path}: tensor '{TUNED_PREFIX}{name}' and its 'down' do not have the same rank")
        name, array = layer, array @ down
    parameter = parameters.get(name)
    if parameter is None or parameter.shape != array.shape:
        raise ValueError(f"{path}: tensor '{TUNED_PREFIX}{name}' fits no tensor of the backbone")
    parameter += array


def differences(model, original):
    """What fine-tuning has changed, as float16. original: name -> array, the backbone as it was."""
    tuned = {}
    for name, parameter in model.tuned_parameters().items():
        if name.endswith((".up", ".down")):
            layer, part = name.rsplit(".", 1)
            tuned[f"{layer}.weight.{part}"] = parameter.detach().numpy()
        else:
            tuned[name] = parameter.detach().numpy() - original[name]
    return {TUNED_PREFIX + name: array.astype("<f2") for name, array in tuned.items() if array.any()}


def save_backbone(backbone, path, metadata=None, ranges=None, source=""):
    """ranges: activation ranges of the backbone; they go into the metadata where the simulator looks for them."""
    metadata = dict(metadata or {})
    if ranges:
        metadata["heatvit.ranges"] = ranges_text(backbone.config.name, source, ranges)
    write_safetensors(path, arrays_of(backbone), metadata)


def save_selectors(model, path, ranges, source, metadata=None, tuned=None):
    """model: a PrunedViT. ranges: of the tensors `selector.*` (others are left out). source: how they came about.
    tuned: `differences` of the backbone."""
    if model.config.predictor != "heatvit":
        metadata = {**(metadata or {}), "heatvit.predictor": model.config.predictor}
    selected = {name: value for name, value in ranges.items() if name.startswith("selector.")}
    metadata = {**(metadata or {}), "heatvit.positions": ",".join(str(position) for position in model.config.selectors)}
    if selected:
        metadata["heatvit.ranges"] = ranges_text(model.config.name, source, selected)
    write_safetensors(path, {**arrays_of(model.selectors, SELECTOR_PREFIX), **(tuned or {})}, metadata)
