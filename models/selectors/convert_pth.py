#!/usr/bin/python3
"""Converts a PyTorch checkpoint (.pth, .pt) of a vision transformer into a safetensors file with timm's names.

The checkpoint is a dictionary of tensors, or a dictionary that holds one under 'model' or 'state_dict' (as DeiT's and
LV-ViT's published files do). A leading 'module.' of every name (DataParallel) is removed; tensors of a real type become
float32, and integer ones (num_batches_tracked) are left out. The file format is written out in
models/weights/safetensors.h.

Exit code: 0, 2 for a checkpoint or an option that cannot be used, 1 when the result cannot be written.
"""

import argparse
import os
import sys

CONTAINER_KEYS = ("model", "state_dict")
MODULE_PREFIX = "module."


class InputError(Exception):
    """The user's input is at fault; the message is one line."""


def one_line(error):
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 200 else text[:200] + "..."


def load_checkpoint(path, allow_pickle):
    """The checkpoint as PyTorch reads it."""
    if not os.path.exists(path):
        raise InputError(f"{path}: no such file")
    if not os.path.isfile(path):
        raise InputError(f"{path}: no regular file")
    try:
        import torch
    except ImportError:
        raise InputError("PyTorch is missing: apt-get install python3-torch") from None
    options = {"map_location": "cpu"}
    if not allow_pickle:
        options["weights_only"] = True  # a pickle can run any code; this admits tensors and plain containers only
    try:
        return torch.load(path, **options)
    except TypeError:
        raise InputError("this PyTorch is older than 1.13 and cannot load checkpoints safely; "
                         "for a file that you trust: --allow-pickle") from None
    except Exception as error:  # whatever unpickling a damaged file comes up with
        if not allow_pickle:  # PyTorch's own text recommends to run arbitrary code
            raise InputError(f"{path}: no PyTorch checkpoint, or one that holds more than tensors "
                             "(if you trust the file: --allow-pickle)") from None
        raise InputError(f"{path}: no PyTorch checkpoint that can be loaded: {one_line(error)}") from None


def state_dict_of(checkpoint, path):
    """Name -> tensor, without the containers and prefixes that training scripts put around it."""
    import torch

    for key in CONTAINER_KEYS:
        if isinstance(checkpoint, dict) and isinstance(checkpoint.get(key), dict):
            checkpoint = checkpoint[key]
    if not isinstance(checkpoint, dict):
        raise InputError(f"{path}: holds a {type(checkpoint).__name__}, a dictionary of tensors is needed")
    for name, value in checkpoint.items():
        if not isinstance(name, str) or not isinstance(value, torch.Tensor):
            raise InputError(f"{path}: entry {name!r} is a {type(value).__name__}, only named tensors are allowed")
    if checkpoint and all(name.startswith(MODULE_PREFIX) for name in checkpoint):
        checkpoint = {name[len(MODULE_PREFIX):]: value for name, value in checkpoint.items()}
    tensors = {name: value for name, value in checkpoint.items() if value.is_floating_point()}
    if not tensors:
        raise InputError(f"{path}: holds no tensor of a floating-point type")
    return tensors


def to_array(name, tensor, path):
    """The tensor as little-endian float32; refuses what the simulator would refuse."""
    import numpy

    array = numpy.ascontiguousarray(tensor.detach().float().numpy(), dtype="<f4").reshape(tuple(tensor.shape))
    if not numpy.isfinite(array).all():
        raise InputError(f"{path}: tensor '{name}' holds a NaN or an infinity")
    return array


def parse_arguments(arguments):
    parser = argparse.ArgumentParser(
        description="Converts a PyTorch checkpoint into a safetensors file (float32, timm's tensor names).",
        epilog="Example: convert_pth.py deit_small_patch16_224-cd65a155.pth deit_small.safetensors")
    parser.add_argument("checkpoint", help="the .pth or .pt file")
    parser.add_argument("output", help="the .safetensors file to write")
    parser.add_argument("--allow-pickle", action="store_true",
                        help="load checkpoints that hold more than tensors; they may run any code: trusted files only")
    return parser.parse_args(arguments)


def main(arguments=None):
    options = parse_arguments(arguments)
    try:
        tensors = state_dict_of(load_checkpoint(options.checkpoint, options.allow_pickle), options.checkpoint)
        arrays = [(name, to_array(name, tensors[name], options.checkpoint)) for name in sorted(tensors)]
    except InputError as error:
        print(f"convert_pth.py: {error}", file=sys.stderr)
        return 2
    from heatvit.tensors import write_safetensors

    try:
        write_safetensors(options.output, arrays)
    except OSError as error:
        print(f"convert_pth.py: {options.output}: cannot be written, {error.strerror}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    parameters = sum(array.size for _, array in arrays)
    print(f"{options.output}: {len(arrays)} tensors, {parameters} parameters")
    return 0


if __name__ == "__main__":
    sys.exit(main())
