"""Safetensors files: a header of JSON, then the tensors. The format is written out in models/weights/safetensors.h."""

import json
import os
import struct
import tempfile

import numpy

ALIGNMENT = 8  # of the first data byte
DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1", "U8": "u1"}
NAMES = {numpy.dtype(text): name for name, text in DTYPES.items()}


def read_safetensors(path):
    """(name -> array, metadata). Arrays of types that numpy lacks (BF16) become float32."""
    with open(path, "rb") as stream:
        (length,) = struct.unpack("<Q", stream.read(8))
        header = json.loads(stream.read(length))
        data = stream.read()
    metadata = header.pop("__metadata__", {})
    arrays = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        if entry["dtype"] == "BF16":
            array = (numpy.frombuffer(data[begin:end], "<u2").astype("<u4") << 16).view("<f4")
        else:
            array = numpy.frombuffer(data[begin:end], DTYPES[entry["dtype"]])
        arrays[name] = array.reshape(entry["shape"])
    return arrays, metadata


def header_of(arrays, metadata):
    header = {"__metadata__": {"format": "pt", **metadata}}
    offset = 0
    for name, array in arrays:
        dtype = NAMES[array.dtype]
        header[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": [offset, offset + array.nbytes]}
        offset += array.nbytes
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    return text + b" " * (-len(text) % ALIGNMENT)


def write_atomically(path, write):
    """write(stream) into a file beside `path`, which then takes its name: no half-written file is ever seen."""
    folder = os.path.dirname(os.path.abspath(path))
    descriptor, temporary = tempfile.mkstemp(prefix=os.path.basename(path) + ".", suffix=".tmp", dir=folder)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            umask = os.umask(0)
            os.umask(umask)
            os.fchmod(stream.fileno(), 0o666 & ~umask)  # mkstemp's files are private
            write(stream)
        os.replace(temporary, path)
    except BaseException:  # Ctrl-C included
        os.unlink(temporary)
        raise


def write_text(path, text):
    write_atomically(path, lambda stream: stream.write(text.encode()))


def write_safetensors(path, arrays, metadata=None):
    """arrays: a list of (name, array), or a dictionary; metadata: text -> text."""
    pairs = sorted(arrays.items()) if isinstance(arrays, dict) else list(arrays)
    pairs = [(name, numpy.ascontiguousarray(array).reshape(array.shape)) for name, array in pairs]
    header = header_of(pairs, metadata or {})

    def write(stream):
        stream.write(struct.pack("<Q", len(header)))
        stream.write(header)
        for _, array in pairs:
            stream.write(array.tobytes())

    write_atomically(path, write)
