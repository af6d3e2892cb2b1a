#!/usr/bin/env python3
"""RTL of a unit, from any compiler or by hand, on vectors of a simulated run (docs/hls.md, "RTL").

  rtl_bench.py FILE.vec... --rtl FILE.v... [--top NAME] [--charge hls_charge [--period NS]] [--yosys] [--folder DIR]

Simulates the RTL with Verilator (Debian: verilator) by the ap_ctrl handshake, arrays as memories that answer a cycle after
they are asked; compares every value that is written and the result; prints the cycles of each call. --charge: the program
hls_charge, which says what the cost function charges one lane for the call. --yosys: DSP slices, LUTs and flip-flops by
synth_xilinx. Exit code 1 where values differ, 2 for files that are none or RTL that does not build.
"""
import argparse
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "hls_check"))
import vectors  # noqa: E402

MOST_CYCLES = 20_000_000

HARNESS = r"""
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <vector>
#include "Vunit.h"
#include "verilated.h"

using Words = std::vector<uint64_t>;

int main(int, char** argv) {
  std::ifstream in(argv[1]);
  Vunit unit;
  long wrong = 0, outside = 0;
@memories@
  const auto number = [&in] { uint64_t v = 0; in >> v; return v; };
  const auto words = [&](Words& w) { w.resize(number()); for (uint64_t& v : w) v = number(); };
@read@
  const auto edge = [&](bool clock) { unit.ap_clk = clock; unit.eval(); };
  unit.ap_start = 0; unit.ap_rst = 1;
  for (int i = 0; i < 4; ++i) { edge(false); edge(true); }
  unit.ap_rst = 0; edge(false); edge(true);
  unit.ap_start = 1;
  long cycles = 0;
  bool done = false;
  uint64_t result = 0;
  for (; !done && cycles < @most@; ++cycles) {
    edge(false);
    done = unit.ap_done;
@result@
@sample@
    edge(true);
@answer@
    unit.eval();
    if (unit.ap_ready) unit.ap_start = 0;
  }
  if (!done) { std::printf("no ap_done after %ld cycles\n", cycles); return 2; }
@compare@
  std::printf("%ld %ld %ld\n", wrong, outside, cycles - 1);
  return 0;
}
"""


def ports_of(rtl, top):
    """Names and widths of the top module's ports."""
    text = re.sub(r"//[^\n]*", "", "\n".join(pathlib.Path(f).read_text() for f in rtl))
    module = re.search(rf"\bmodule\s+{top}\b(.*?)\bendmodule\b", text, re.S)
    if not module:
        raise ValueError(f"no module {top}")
    found = re.findall(r"\b(?:input|output)\s+(?:wire\s+|reg\s+)?(?:signed\s+)?(?:\[(\d+):0\]\s+)?(\w+)", module.group(1))
    return {name: int(high or 0) + 1 for high, name in found}


def harness(arguments, ports):
    """The C++ program around the unit: one memory an array, one input a scalar."""
    parts = {key: "" for key in ("memories", "read", "result", "sample", "answer", "compare")}
    for a in arguments:
        bits = vectors.BITS[a.type]
        if a.kind == "scalar":
            if a.name not in ports:
                raise ValueError(f"no port {a.name}")
            parts["read"] += f"  unit.{a.name} = number();\n"
        elif a.kind == "return":
            parts["read"] += "  const uint64_t expected_result = number();\n"
            parts["result"] += "    if (done) result = unit.ap_return;\n"
            mask = f"{(1 << bits) - 1}ull"
            parts["compare"] += f"  if ((result & {mask}) != (expected_result & {mask})) ++wrong;\n"
        else:
            parts["memories"] += f"  Words {a.name}, {a.name}_expected;\n"
            parts["read"] += f"  words({a.name}); words({a.name}_expected);\n"
            accesses = [k for k in "01" if f"{a.name}_address{k}" in ports]
            if not accesses:
                raise ValueError(f"no port {a.name}_address0")
            for k in accesses:
                at, ce = f"{a.name}_address{k}", f"{a.name}_ce{k}"
                parts["sample"] += (f"    const bool on_{a.name}{k} = unit.{ce}; const uint64_t at_{a.name}{k} = unit.{at};\n"
                                    f"    if (on_{a.name}{k} && at_{a.name}{k} >= {a.name}.size()) ++outside;\n")
                inside = f"on_{a.name}{k} && at_{a.name}{k} < {a.name}.size()"
                if f"{a.name}_we{k}" in ports:
                    parts["sample"] += (f"    if ({inside} && unit.{a.name}_we{k}) {a.name}[at_{a.name}{k}] = "
                                        f"unit.{a.name}_d{k} & {(1 << bits) - 1}ull;\n")
                if f"{a.name}_q{k}" in ports:
                    parts["answer"] += f"    if ({inside}) unit.{a.name}_q{k} = {a.name}[at_{a.name}{k}];\n"
            if a.after:
                parts["compare"] += (f"  for (size_t i = 0; i < {a.name}.size(); ++i) "
                                     f"wrong += {a.name}[i] != {a.name}_expected[i];\n")
    text = HARNESS.replace("@most@", str(MOST_CYCLES))
    for key, part in parts.items():
        text = text.replace(f"@{key}@", part)
    return text


def call_text(arguments):
    """A call as the program reads it: unsigned numbers."""
    out = []
    for a in arguments:
        bits = vectors.BITS[a.type]
        unsigned = lambda values: [v & (1 << bits) - 1 for v in values]
        if a.kind == "scalar":
            out += unsigned(a.before)
        elif a.kind == "return":
            out += unsigned(a.after)
        else:
            before = a.before or [(1 << bits) - 1] * len(a.after)  # written only: ones, so that what is left shows
            for values in (before, a.after):
                out += [len(values), *unsigned(values)]
    return " ".join(map(str, out)) + "\n"


def build(unit, arguments, rtl, top, folder):
    ports = ports_of(rtl, top)
    (folder / "main.cpp").write_text(harness(arguments, ports))
    files = [str(pathlib.Path(f).resolve()) for f in rtl]
    done = subprocess.run(["verilator", "--cc", "--exe", "--build", "-O3", "-Wno-fatal", "-Wno-lint", "--prefix", "Vunit",
                           "--top-module", top, "-Mdir", folder / "made", "-o", "simulated", *files,
                           str(folder / "main.cpp")], capture_output=True, text=True)
    if done.returncode != 0:
        raise ValueError(f"{unit}: Verilator: {(done.stderr or done.stdout).strip().splitlines()[-1]}")
    return folder / "made/simulated"


def resources(rtl, top, folder):
    script = "".join(f"read_verilog {pathlib.Path(f).resolve()}; " for f in rtl)
    stat = subprocess.run(["yosys", "-p", f"{script} synth_xilinx -family xcup -top {top} -noiopad -flatten; stat"],
                          cwd=folder, capture_output=True, text=True, check=True).stdout
    stat = stat[stat.rfind("Number of cells"):]
    count = lambda cell: sum(int(n) for n in re.findall(rf"^ +{cell} +(\d+)$", stat, re.M))
    return {"dsp": count("DSP48E2"), "lut": count(r"LUT\d") + count(r"RAM\w+"), "ff": count(r"FD\w+")}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+")
    parser.add_argument("--rtl", nargs="+", required=True)
    parser.add_argument("--top", help="the module; default: the unit's name")
    parser.add_argument("--charge", help="hls_charge, for what the cost function charges one lane")
    parser.add_argument("--period", help="of the clock that the RTL was made for, ns; default: all registers")
    parser.add_argument("--yosys", action="store_true")
    parser.add_argument("--folder", help="where things are built; default: a folder that is removed")
    a = parser.parse_args()
    failed = 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(a.folder or temporary)
        folder.mkdir(parents=True, exist_ok=True)
        built = {}
        for path in a.files:
            unit, arguments = vectors.read_vectors(path)
            top = a.top or unit
            if unit not in built:
                built[unit] = build(unit, arguments, a.rtl, top, folder)
                if a.yosys:
                    print(f"{unit}: " + ", ".join(f"{n} {what.upper()}" for what, n in resources(a.rtl, top, folder).items()))
            (folder / "call.txt").write_text(call_text(arguments))
            done = subprocess.run([built[unit], folder / "call.txt"], capture_output=True, text=True)
            if done.returncode != 0:
                print(f"{path}: {done.stdout.strip()}")
                failed += 1
                continue
            wrong, outside, cycles = map(int, done.stdout.split())
            charged = ""
            if a.charge:
                text = subprocess.run([a.charge, *(["--period", a.period] if a.period else []), path], capture_output=True, text=True, check=True).stdout
                charged = f", {int(text)} charged"
            verdict = "match" if wrong == 0 and outside == 0 else f"{wrong} values differ, {outside} accesses outside"
            print(f"{pathlib.Path(path).name}: {verdict}; {cycles} cycles{charged}")
            failed += wrong != 0 or outside != 0
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        for program in ("verilator", "make"):
            if not shutil.which(program):
                raise ValueError("needs " + program)
        sys.exit(main())
    except (OSError, ValueError, subprocess.CalledProcessError, StopIteration) as error:
        print(f"rtl_bench.py: error: {error}", file=sys.stderr)
        sys.exit(2)
