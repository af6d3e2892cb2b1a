"""The rule that counts DSP slices against yosys' synth_xilinx: multipliers_yosys.py HOME FOLDER. Every width that a kernel
multiplies, and those of products whose high bits nobody wants. And the one that counts LUTs where a constant multiplies
as a sum of shifted operands. Exit code 77 without yosys."""
import pathlib
import re
import shutil
import subprocess
import sys

home, folder = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
if not shutil.which("yosys"):
    print("skipped: needs yosys")
    sys.exit(77)
folder.mkdir(parents=True, exist_ok=True)


def rule(a, b, product):
    """accel/soc/resources.cpp, dsp_of."""
    tiles = lambda wide, narrow: sum(i + j < product for i in range(0, wide - 1, 26) for j in range(0, narrow - 1, 17))
    return min(tiles(a, b), tiles(b, a))


def synthesise(modules, options):
    """Cells of each module, by type, of one run over all of them. modules: name -> its ports of inputs and output with their widths,
    and its text. A top module holds one of each, which the synthesis leaves apart."""
    ports, instances, text = [], [], ""
    for name, (widths, body) in modules.items():
        kinds = [("output" if port == "p" else "input", port, width) for port, width in widths.items()]
        ports += [f"{kind} [{width - 1}:0] {name}_{port}" for kind, port, width in kinds]
        instances.append(f"  {name} of_{name}({', '.join(f'.{port}({name}_{port})' for _, port, _ in kinds)});\n")
        text += f"module {name}({', '.join(f'{kind} signed [{width - 1}:0] {port}' for kind, port, width in kinds)});\n{body}endmodule\n"
    (folder / "all.v").write_text(text + f"module all({', '.join(ports)});\n{''.join(instances)}endmodule\n")
    stat = subprocess.run(["yosys", "-p", f"read_verilog all.v; synth_xilinx -family xcup {options} -top all -noiopad; stat"],
                          cwd=folder, capture_output=True, text=True, check=True).stdout
    modules_of = stat[stat.rindex("Printing statistics"):].split("=== design hierarchy ===")[0]
    parts = re.split(r"^=== (\w+) ===$", modules_of, flags=re.M)[1:]
    return {name: {cell: int(count) for cell, count in re.findall(r"^ +([A-Z]\w+) +(\d+)$", part, re.M)}
            for name, part in zip(parts[::2], parts[1::2])}


widths = {(17, 17, 32), (64, 16, 64), (32, 32, 32), (32, 32, 64)}
for header in (home / "accel/kernels").glob("*.h"):
    text = re.sub(r"//[^\n]*", "", header.read_text())
    for a, b, product in re.findall(r"multiply<(\w+), (\d+), ([^<>]+)>\(", text):
        a = 20 if a == "kBits" else int(a)  # LayerNorm of int8 results
        widths.add((a, int(b), a + int(b) if "kBits" in product else int(product)))

# yosys does not turn operands to where fewer tiles do.
more = {(26, 31, 56): 4, (64, 16, 64): 4}
found = synthesise({"m{}_{}_{}".format(*width): ({"clk": 1, "a": width[0], "b": width[1], "p": width[2]},
                                                "  reg signed [{0}:0] r;\n  always @(posedge clk) r <= a * b;\n  assign p = r;\n".format(width[2] - 1))
                    for width in widths}, "")
for width in sorted(widths):
    got = found["m{}_{}_{}".format(*width)].get("DSP48E2", 0)
    print(f"{width[0]:3} x {width[1]:2} -> {width[2]:2}: yosys {got}, rule {rule(*width)}")
    assert got == more.get(width, rule(*width)), width


def digits(constant):
    """Of the canonical signed form: (sign, place)."""
    place = 0
    while constant:
        if constant & 1:
            sign = 2 - (constant & 3)
            constant -= sign
            yield sign, place
        constant >>= 1
        place += 1


def sum_of_shifts(a, constant):
    width = a + constant.bit_length()
    total = "0" + "".join(f" {'+' if sign > 0 else '-'} (wide <<< {place})" for sign, place in digits(constant))
    return {"a": a, "p": width}, f"  wire signed [{width - 1}:0] wide = a;\n  assign p = {total};\n"


constants = {}
for header in sorted((home / "accel/kernels").glob("*.h")):
    text = re.sub(r"//[^\n]*", "", header.read_text())
    values = dict(re.findall(r"constexpr int\w* (k\w+) = (\d+);", text))
    for a, b, name in re.findall(r"\{(\d+), (\d+), signed_digits\((k\w+)\)\}", text):
        constants[f"{header.stem}_{name}_{a}"] = (int(a), int(b), int(values[name]))
found = synthesise({name: sum_of_shifts(a, value) for name, (a, _, value) in constants.items()}, "-nodsp")
built_luts = counted_luts = 0
for name, (a, b, value) in constants.items():
    got, counted = sum(count for cell, count in found[name].items() if re.match(r"LUT\d", cell)), len(list(digits(value))) * (a + b)
    print(f"{a} x {name}: yosys {got} LUTs, rule {counted}")
    assert 0.5 < counted / got < 2, name
    built_luts, counted_luts = built_luts + got, counted_luts + counted
print(f"all: yosys {built_luts} LUTs, rule {counted_luts}")
assert abs(counted_luts / built_luts - 1) < 0.15
