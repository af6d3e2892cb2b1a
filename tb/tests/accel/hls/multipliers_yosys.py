"""The rule that counts DSP slices against yosys' synth_xilinx: multipliers_yosys.py HOME FOLDER. Every width that a kernel
multiplies, and those of products whose high bits nobody wants. Exit code 77 without yosys."""
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
