#!/usr/bin/env python3
"""Vector files of run_sim --dump-vectors (docs/hls.md) for other tools.

  vectors.py run FILE... [--cxx 'g++' --cxx 'clang++'] [--header CONFIG.h]
      compiles each unit alone, pragma lines removed, as C++14 without exceptions, links it with a C program that
      calls it, and compares; also refuses a unit that needs anything from outside (nm -u)
  vectors.py c FILE          that program, in C and in C++: the arguments, the call, the comparison
  vectors.py hex FILE DIR    one file a written or read array, a value a line in hexadecimal, for $readmemh
  vectors.py top FOLDER DIR  heatvit_top: what run_sim export wrote, as ddr.hex and expected.hex (16 bytes a line, with
                             addresses, for $readmemh) and arguments.txt
  vectors.py xml FILE...     the inputs of calls of one unit as a test bench description of the Bambu HLS compiler
  vectors.py hardware FILE   the hardware that it was made for, a constant of accel/kernels/hardware.h a line
"""
import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
BITS = {"int8": 8, "uint8": 8, "int16": 16, "uint16": 16, "int32": 32, "uint32": 32, "int64": 64, "uint64": 64}
BUFFER_CONSTANTS = ["kTh", "kTi", "kTo", "kTileM", "kTileK", "kTileN"]  # what a tile's vectors are as long as
UNIT_FILES = {"requantize_residual": "requantize", "softmax_wide": "softmax",
              "token_select_count": "token_select", "token_select_threshold": "token_select"}
PROGRAM_FLAGS = ["-std=c++14", "-O2", "-fno-exceptions"]


class Argument:
    def __init__(self, kind, name, type_name, before, after):
        self.kind, self.name, self.type = kind, name, type_name
        self.before, self.after = before, after  # lists; of scalars one value

    def is_array(self):
        return self.kind in ("in", "out", "inout")


def read_head(path):
    """The hardware that a file was made for (constants of accel/kernels/hardware.h), and the text behind that line."""
    magic, hardware, rest = (pathlib.Path(path).read_text() + "\n\n").split("\n", 2)
    pairs = hardware.split()
    if magic != "heatvit-vectors 3" or pairs[:1] != ["hardware"] or len(pairs) % 2 == 0:
        raise ValueError(f"{path}: no vector file (of this version: 'heatvit-vectors 3')")
    return {name: int(value) for name, value in zip(pairs[1::2], pairs[2::2])}, rest


def read_vectors(path):
    """Unit and arguments in order. Raises ValueError where the file is none."""
    words = iter(read_head(path)[1].split())
    if next(words, "") != "unit":
        raise ValueError(f"{path}: names no unit")
    unit, arguments = next(words), []
    while (kind := next(words)) != "end":
        name, type_name, number = next(words), next(words), int(next(words))
        take = lambda: [int(next(words)) for _ in range(number)]
        if kind in ("scalar", "return"):
            before, after = ([number], []) if kind == "scalar" else ([], [number])
        elif kind in ("in", "out", "inout"):
            before = take() if kind != "out" else []
            after = take() if kind != "in" else []
        else:
            raise ValueError(f"{path}: unknown line {kind}")
        arguments.append(Argument(kind, name, type_name, before, after))
    return unit, arguments


def literal(value, type_name):
    if type_name == "int64" and value == -2**63:
        return "(-9223372036854775807LL - 1)"
    return f"{value}{'ULL' if type_name == 'uint64' else 'LL' if type_name == 'int64' else ''}"


def c_array(name, type_name, values):
    text = ", ".join(literal(v, type_name) for v in values)
    return f"static {type_name}_t {name}[{len(values)}] = {{{text}}};\n"


def c_program(path):
    """A program in C and in C++ that returns 0 where the unit gives what the file expects."""
    unit, arguments = read_vectors(path)
    returns = [a for a in arguments if a.kind == "return"]
    called = [a for a in arguments if a.kind != "return"]
    data, checks = "", ""
    for a in called:
        if not a.is_array():
            continue
        data += c_array(a.name, a.type, a.before or [0] * len(a.after))
        if a.after:
            data += c_array(a.name + "_expected", a.type, a.after)
            checks += (f"  for (i = 0; i < {len(a.after)}; ++i)\n"
                       f"    if ({a.name}[i] != {a.name}_expected[i]) ++wrong;\n")
    prototype = ", ".join(("void* " if a.is_array() else a.type + "_t ") + a.name for a in called)
    passed = ", ".join(a.name if a.is_array() else literal(a.before[0], a.type) for a in called)
    result = f"{returns[0].type}_t result = " if returns else ""
    if returns:
        checks += f"  if (result != {returns[0].after[0]}) ++wrong;\n"
    c_only = '#ifdef __cplusplus\nextern "C"\n#endif\n'
    return (f"#include <stdint.h>\n#include <stdio.h>\n\n{c_only}{returns[0].type + '_t' if returns else 'void'} "
            f"{unit}({prototype});\n\n{data}\nint main(void) {{\n  long i, wrong = 0;\n"
            f"  {result}{unit}({passed});\n{checks}"
            f"  printf(\"{unit}: %ld values differ\\n\", wrong);\n  return wrong != 0;\n}}\n")


def without_pragmas(folder):
    """A copy of what the units include, every pragma line left out."""
    for part in ("accel/kernels", "accel/isa", "accel/hls"):
        for source in (ROOT / part).rglob("*"):
            if source.suffix in (".h", ".cpp"):
                to = folder / source.relative_to(ROOT)
                to.parent.mkdir(parents=True, exist_ok=True)
                to.write_text(re.sub(r"^[ \t]*#pragma.*\n", "", source.read_text(), flags=re.M))


def buffers(sizes):
    """Rows, inputs and outputs of a tile's buffers; the last two in whole beats."""
    up = lambda extent, lanes: -(-extent // lanes) * lanes
    return sizes["kTileM"], up(sizes["kTileK"], sizes["kTh"] * sizes["kTi"]), up(sizes["kTileN"], sizes["kTo"])


def expect_same_buffers(path, header):
    """Vectors of a tile fit one bitstream. ValueError where the header, or the default one, describes another."""
    text = pathlib.Path(header or ROOT / "accel/kernels/hardware.h").read_text()
    built = {name: int(value) for name, value in re.findall(r"\b(k\w+) = (\d+)", text)}
    made_for = read_head(path)[0]
    missing = [name for name in BUFFER_CONSTANTS if name not in built or name not in made_for]
    if missing:
        raise ValueError(f"{path}: {missing[0]} is not known of both bitstreams")
    if buffers(built) != buffers(made_for):
        other = [f"{name} {made_for[name]} (here {built[name]})" for name in BUFFER_CONSTANTS
                 if made_for[name] != built[name]]
        raise ValueError(f"{path}: vectors of a bitstream with other tile buffers: {', '.join(other)}; "
                         "--header takes its header, from run_sim hls-config")


def compiled_unit(unit, compiler, folder, header):
    """The unit's object; RuntimeError where it does not compile or needs something from outside."""
    name = UNIT_FILES.get(unit, unit)
    built = folder / f"{name}-{compiler.replace(' ', '_').replace('/', '_')}.o"
    if built.exists():
        return built
    config = ["-include", header] if header else []
    done = subprocess.run([*compiler.split(), *PROGRAM_FLAGS, *config, "-I", folder, "-c",
                           folder / "accel/hls/units" / (name + ".cpp"), "-o", built], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{unit} does not compile: {done.stderr}")
    needed = subprocess.run(["nm", "-u", built], capture_output=True, text=True, check=True).stdout.split()
    if [w for w in needed if w != "U"]:
        raise RuntimeError(f"{unit} needs {' '.join(needed)}")
    return built


def run(files, compilers, header):
    failed = 0
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        without_pragmas(folder)
        header = pathlib.Path(header).resolve() if header else None
        for path in files:
            if read_vectors(path)[0].startswith("pe_array"):
                expect_same_buffers(path, header)
            (folder / "main.c").write_text(c_program(path))
            subprocess.run(["cc", "-c", folder / "main.c", "-o", folder / "main.o"], check=True)
            for compiler in compilers:
                unit = compiled_unit(read_vectors(path)[0], compiler, folder, header)
                subprocess.run([*compiler.split(), folder / "main.o", unit, "-o", folder / "program"], check=True)
                done = subprocess.run([folder / "program"], capture_output=True, text=True)
                if done.returncode != 0:
                    print(f"{path}: {compiler}: {done.stdout.strip()}")
                    failed += 1
    print(f"{len(files) * len(compilers) - failed} of {len(files) * len(compilers)} replays match")
    return 1 if failed else 0


def write_hex(path, folder):
    unit, arguments = read_vectors(path)
    folder.mkdir(parents=True, exist_ok=True)
    for a in arguments:
        digits = BITS[a.type] // 4
        for suffix, values in (("in", a.before), ("out", a.after)):
            if values:
                text = "".join(f"{v & (1 << BITS[a.type]) - 1:0{digits}x}\n" for v in values)
                (folder / f"{pathlib.Path(path).stem}.{a.name}.{suffix}.hex").write_text(text)
    return 0


def hex_words(address, data):
    """16 bytes a line, the first byte lowest, behind the address of the first line in such words."""
    data = bytes(address % 16) + data
    lines = [data[i:i + 16].ljust(16, b"\0")[::-1].hex() for i in range(0, len(data), 16)]
    return f"@{address // 16:x}\n" + "\n".join(lines) + "\n"


def write_top(exported, folder):
    """An image for RTL of heatvit_top: memory before, what must lie in it afterwards, the call's arguments."""
    manifest = json.loads((exported / "manifest.json").read_text())
    ddr, expected = (exported / "ddr.bin").read_bytes(), (exported / "expected.bin").read_bytes()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "ddr.hex").write_text("".join(
        hex_words(s["address"], ddr[s["offset"]:s["offset"] + s["bytes"]]) for s in manifest["sections"]))
    logits, text = manifest["expected"]["logits"], ""
    sizes = {"int8": 1, "uint8": 1, "int16": 2, "uint16": 2, "int32": 4}
    for name, tensor in [("logits", logits)] + [(c["name"], c) for c in manifest["expected"]["checkpoints"]]:
        size = tensor.get("tokens", 1) * tensor["values"] * sizes[tensor["element"]]
        text += f"// {name}, {size} bytes\n" + hex_words(tensor["address"], expected[tensor["offset"]:tensor["offset"] + size])
    (folder / "expected.hex").write_text(text)
    registers = {r["register"].lower(): r["value"] for r in manifest["registers"]}
    kept = manifest["expected"]["kept"]
    (folder / "arguments.txt").write_text(
        "".join(f"{name} {registers[name]}\n" for name in ("list_base", "list_count", "tokens", "seed")) +
        f"return 0\nstages {len(kept)}\nkept {' '.join(map(str, kept))}\nmemory {manifest['memory_bytes']}\n")
    return 0


def xml(files):
    lines = []
    for path in files:
        _, arguments = read_vectors(path)
        values = []
        for a in arguments:
            if a.kind == "return":
                continue
            text = ",".join(map(str, a.before or [0] * len(a.after)))
            values.append(f'{a.name}="{{{text}}}"' if a.is_array() else f'{a.name}="{text}"')
        lines.append("  <testbench " + " ".join(values) + "/>\n")
    return '<?xml version="1.0"?>\n<function>\n' + "".join(lines) + "</function>\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["run", "c", "hex", "top", "xml", "hardware"])
    parser.add_argument("files", nargs="+")
    parser.add_argument("--cxx", action="append", help="compiler for run; may be repeated; default g++")
    parser.add_argument("--header", help="sizes of the bitstream, from run_sim hls-config")
    a = parser.parse_args()
    try:
        if a.what == "run":
            return run(a.files, a.cxx or ["g++"], a.header)
        if a.what == "hex":
            return write_hex(a.files[0], pathlib.Path(a.files[1] if len(a.files) > 1 else "."))
        if a.what == "top":
            return write_top(pathlib.Path(a.files[0]), pathlib.Path(a.files[1] if len(a.files) > 1 else "."))
        if a.what == "hardware":
            print("".join(f"{name} {value}\n" for name, value in read_head(a.files[0])[0].items()), end="")
            return 0
        print(c_program(a.files[0]) if a.what == "c" else xml(a.files), end="")
        return 0
    except (OSError, ValueError, RuntimeError, StopIteration) as error:
        print(f"vectors.py: error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
