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


def built(a, b, product):
    name = f"m{a}_{b}_{product}"
    (folder / f"{name}.v").write_text(
        f"module {name}(input clk, input signed [{a - 1}:0] a, input signed [{b - 1}:0] b,\n"
        f"  output reg signed [{product - 1}:0] p);\n  always @(posedge clk) p <= a * b;\nendmodule\n")
    stat = subprocess.run(["yosys", "-p", f"read_verilog {name}.v; synth_xilinx -family xcup -top {name} -noiopad; stat"],
                          cwd=folder, capture_output=True, text=True, check=True).stdout
    found = re.findall(r"DSP48E2 +(\d+)", stat)
    return int(found[-1]) if found else 0


widths = {(17, 17, 32), (64, 16, 64), (32, 32, 32), (32, 32, 64)}
for header in (home / "accel/kernels").glob("*.h"):
    text = re.sub(r"//[^\n]*", "", header.read_text())
    for a, b, product in re.findall(r"multiply<(\w+), (\d+), ([^<>]+)>\(", text):
        a = 20 if a == "kBits" else int(a)  # LayerNorm of int8 results
        widths.add((a, int(b), a + int(b) if "kBits" in product else int(product)))

# yosys does not turn operands to where fewer tiles do.
more = {(26, 31, 56): 4, (64, 16, 64): 4}
for width in sorted(widths):
    got = built(*width)
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


def luts(a, constant):
    width = a + constant.bit_length()
    total = "0" + "".join(f" {'+' if sign > 0 else '-'} (wide <<< {place})" for sign, place in digits(constant))
    (folder / "constant.v").write_text(
        f"module constant(input signed [{a - 1}:0] a, output signed [{width - 1}:0] p);\n"
        f"  wire signed [{width - 1}:0] wide = a;\n  assign p = {total};\nendmodule\n")
    stat = subprocess.run(["yosys", "-p", "read_verilog constant.v; synth_xilinx -family xcup -nodsp -top constant -noiopad; stat"],
                          cwd=folder, capture_output=True, text=True, check=True).stdout
    last = stat[stat.rindex("Number of cells"):]
    return sum(int(count) for count in re.findall(r"LUT\d +(\d+)", last))


built_luts = counted_luts = 0
for header in sorted((home / "accel/kernels").glob("*.h")):
    text = re.sub(r"//[^\n]*", "", header.read_text())
    values = dict(re.findall(r"constexpr int\w* (k\w+) = (\d+);", text))
    for a, b, name in re.findall(r"\{(\d+), (\d+), signed_digits\((k\w+)\)\}", text):
        got, counted = luts(int(a), int(values[name])), len(list(digits(int(values[name])))) * (int(a) + int(b))
        print(f"{a} x {name}: yosys {got} LUTs, rule {counted}")
        assert 0.5 < counted / got < 2, name
        built_luts, counted_luts = built_luts + got, counted_luts + counted
print(f"all: yosys {built_luts} LUTs, rule {counted_luts}")
assert abs(counted_luts / built_luts - 1) < 0.15
