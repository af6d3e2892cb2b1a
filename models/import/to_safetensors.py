#!/usr/bin/python3
"""Converts a checkpoint of a vision transformer into a safetensors file: PyTorch's (.pth, .pt, .bin) or ONNX.

Tensors keep their names; which network they are is run_sim's to tell (models/weights/naming.h).

A PyTorch checkpoint is a dictionary of tensors, or a dictionary that holds one under 'model' or 'state_dict' (as DeiT's and
LV-ViT's published files do). A leading 'module.' of every name (DataParallel) is removed; tensors of a real type become
float32, and integer ones (num_batches_tracked) are left out.

An ONNX file is an export (torch.onnx.export) of timm's or Hugging Face's networks with its parameters in it. The matrix
of a linear layer has lost its name there; it takes that of the bias added to its product, else that of its node.
Debian: apt-get install python3-torch, python3-onnx.

Exit code: 0, 2 for a checkpoint or an option that cannot be used, 1 when the result cannot be written.
"""

import argparse
import os
import sys

CONTAINER_KEYS = ("model", "state_dict")
MODULE_PREFIX = "module."
TOKENS = ("cls_token", "dist_token", "reg_token", "pos_embed", "class_token")
ALIASES = {"cls_token": "class_token", "dist_token": "distillation_token"}


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


def is_onnx(path):
    """By its ending, or by its first field: a small number, the version of the format."""
    if path.endswith(".onnx"):
        return True
    try:
        with open(path, "rb") as stream:
            start = stream.read(3)
    except OSError:
        return False
    return len(start) == 3 and start[0] == 8 and start[1] < 32 and start[2] in (0x12, 0x1A, 0x3A, 0x42)


class OnnxGraph:
    """The parameters of an exported network, under the names that PyTorch gave them."""

    def __init__(self, graph, to_array):
        self.constants = {tensor.name: to_array(tensor) for tensor in graph.initializer}
        self.makers = {}
        self.nodes = list(graph.node)
        for node in self.nodes:
            for output in node.output:
                self.makers[output] = node
            if node.op_type == "Constant":
                for attribute in node.attribute:
                    if attribute.name == "value":
                        self.constants[node.output[0]] = to_array(attribute.t)

    def constant(self, name):
        """A constant's name and value, looking through Identity."""
        while name not in self.constants and name in self.makers and self.makers[name].op_type == "Identity":
            name = self.makers[name].input[0]
        return name, self.constants.get(name)

    @staticmethod
    def is_named(name):
        """Whether the name is one of PyTorch's, not one that the exporter made up."""
        return "." in name and "::" not in name and not name.startswith("/") or name in TOKENS

    def stem_of(self, product):
        """The linear layer whose product this MatMul node is: from the bias, else from the node's own name."""
        for node in self.nodes:
            if node.op_type == "Add" and product.output[0] in node.input:
                for name in node.input:
                    name, value = self.constant(name)
                    if value is not None and self.is_named(name) and name.endswith(".bias"):
                        return name[:-len(".bias")]
        scopes = [part for part in product.name.split("/") if part]
        return ".".join(scopes[:-1]) if len(scopes) > 1 else None

    def parameters(self):
        found = {}
        for name, value in self.constants.items():
            if self.is_named(name) and value.dtype.kind == "f":
                found[name] = value
        for node in self.nodes:
            if node.op_type != "MatMul":
                continue
            name, value = self.constant(node.input[1])
            if value is None or self.is_named(name) or value.ndim != 2:
                continue
            stem = self.stem_of(node)
            if stem is None:
                raise InputError(f"the matrix '{name}' belongs to no layer that can be told; "
                                 "export with torch.onnx.export(..., do_constant_folding=False)")
            found[stem + ".weight"] = value.T
        for node in self.nodes:  # a class token that is repeated for the batch may be a constant without a name
            if node.op_type == "Concat":
                self.tokens(node, found)
        return found

    def tokens(self, node, found):
        values = [self.constant(name)[1] for name in node.input]
        tokens = [value for value in values if value is not None and value.ndim == 3 and value.shape[:2] == (1, 1)]
        if len(values) - len(tokens) == 1 and len(tokens) in (1, 2):
            for name, value in zip(("cls_token", "dist_token"), tokens):
                if not any(known.split(".")[-1] in (name, ALIASES[name]) for known in found):
                    found[name] = value


def onnx_parameters(path):
    if not os.path.isfile(path):
        raise InputError(f"{path}: no such file")
    try:
        import onnx
        import onnx.numpy_helper
    except ImportError:
        raise InputError("onnx is missing: apt-get install python3-onnx") from None
    try:
        model = onnx.load(path)
        tensors = OnnxGraph(model.graph, onnx.numpy_helper.to_array).parameters()
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    except Exception as error:  # whatever parsing a damaged file comes up with
        raise InputError(f"{path}: no ONNX network that can be read: {one_line(error)}") from None
    if not tensors:
        raise InputError(f"{path}: holds no parameter under a name of PyTorch's")
    return tensors


def to_array(name, tensor, path):
    """The tensor as little-endian float32; refuses what the simulator would refuse."""
    import numpy

    if not isinstance(tensor, numpy.ndarray):
        tensor = tensor.detach().float().numpy()
    array = numpy.ascontiguousarray(tensor, dtype="<f4").reshape(tuple(tensor.shape))
    if not numpy.isfinite(array).all():
        raise InputError(f"{path}: tensor '{name}' holds a NaN or an infinity")
    return array


def parse_arguments(arguments):
    parser = argparse.ArgumentParser(
        description="Converts a PyTorch checkpoint or an ONNX file into a safetensors file (float32).",
        epilog="Example: to_safetensors.py deit_small_patch16_224-cd65a155.pth deit_small.safetensors")
    parser.add_argument("checkpoint", help="the .pth, .pt, .bin or .onnx file")
    parser.add_argument("output", help="the .safetensors file to write")
    parser.add_argument("--allow-pickle", action="store_true",
                        help="load checkpoints that hold more than tensors; they may run any code: trusted files only")
    return parser.parse_args(arguments)


def main(arguments=None):
    options = parse_arguments(arguments)
    try:
        if is_onnx(options.checkpoint):
            tensors = onnx_parameters(options.checkpoint)
        else:
            tensors = state_dict_of(load_checkpoint(options.checkpoint, options.allow_pickle), options.checkpoint)
        arrays = [(name, to_array(name, tensors[name], options.checkpoint)) for name in sorted(tensors)]
    except InputError as error:
        print(f"to_safetensors.py: {error}", file=sys.stderr)
        return 2
    sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "selectors"))
    from heatvit_training.tensors import write_safetensors

    try:
        write_safetensors(options.output, arrays)
    except OSError as error:
        print(f"to_safetensors.py: {options.output}: cannot be written, {error.strerror}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    parameters = sum(array.size for _, array in arrays)
    print(f"{options.output}: {len(arrays)} tensors, {parameters} parameters")
    return 0


if __name__ == "__main__":
    sys.exit(main())
