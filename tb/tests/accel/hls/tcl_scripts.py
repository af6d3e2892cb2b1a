"""run_hls.tcl and block_design.tcl, run by tclsh with the tools' commands written down instead of done: tcl_scripts.py HOME
FOLDER. Exit code 77 without tclsh."""
import os
import pathlib
import re
import shutil
import subprocess
import sys

home, folder = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
stubs = home / "tb/tests/accel/hls/tcl_stubs.tcl"
if not shutil.which("tclsh"):
    print("skipped: needs tclsh")
    sys.exit(77)
folder.mkdir(parents=True, exist_ok=True)


def words(line):
    """A Tcl list of words without nesting deeper than one brace."""
    return [a or b for a, b in re.findall(r"\{([^{}]*)\}|(\S+)", line)]


def run(script, *arguments, code=0, **environment):
    log = folder / "log"
    done = subprocess.run(["tclsh", stubs, log, home / script, *map(str, arguments)], cwd=home, capture_output=True,
                          text=True, env=dict(os.environ, **environment))
    assert done.returncode == code, (script, arguments, done.returncode, done.stdout, done.stderr)
    return [words(line) for line in log.read_text().splitlines()], done.stdout


def calls(log, name):
    return [line[1:] for line in log if line[0] == name]


# ---- HLS: every top, every step, by both front-ends.
tops = ["heatvit_top"] + re.findall(r"^(?:void|int) (\w+)\(", (home / "accel/hls/units/units.h").read_text(), re.M)
assert len(tops) == 25, tops
vectors = folder / "vectors"
vectors.mkdir(exist_ok=True)
(folder / "sizes.h").write_text("")
for top in tops:
    (vectors / f"{top}-000.vec").write_text("")
    log, _ = run("accel/hls/run_hls.tcl", "-f", "run_hls.tcl", "-tclargs", "csynth", top)
    assert calls(log, "set_top") == [[top]] and calls(log, "csynth_design") == [[]]
    assert calls(log, "set_part") == [["xczu9eg-ffvb1156-2-e"]]
    assert abs(float(calls(log, "create_clock")[0][1]) - 1000 / 150) < 1e-6
    again, _ = run("accel/hls/run_hls.tcl", HEATVIT_HLS=f"csynth {top}")
    assert again == log, top
log, _ = run("accel/hls/run_hls.tcl", "-tclargs", "cosim", "gelu", folder / "sizes.h", vectors, 300)
assert abs(float(calls(log, "create_clock")[0][1]) - 1000 / 300) < 1e-6
assert calls(log, "cosim_design")[0][-1].endswith("vectors/gelu-000.vec") and calls(log, "csim_design")
sources = [c for c in calls(log, "add_files") if "-tb" not in c]
benches = [c[1] for c in calls(log, "add_files") if "-tb" in c]
assert all(f"-include {folder}/sizes.h" in c[2] for c in sources), sources
assert not any("'" in c[2] or '"' in c[2] for c in sources)
run("accel/hls/run_hls.tcl", "-tclargs", "export", "heatvit_top", "-", "-")
for wrong in (["-tclargs"], ["-tclargs", "synth", "gelu"], ["-tclargs", "csynth", "gelo"], ["-tclargs", "cosim", "gelu"]):
    assert run("accel/hls/run_hls.tcl", *wrong, code=2)[1], wrong
# The sources and the bench of that project are all there: they link to a program.
files = [home / f for c in sources for f in [c[0]]] + [home / f for f in benches]
done = subprocess.run(["g++", "-std=c++17", "-O0", "-w", "-DHEATVIT_AP_INT", f"-I{home}",
                       f"-I{home}/tb/tests/accel/hls/ap_int", *files, "-o", folder / "bench"], capture_output=True, text=True)
assert done.returncode == 0, done.stderr

# ---- The block design: what the C++ signature has, connected once each.
signature = (home / "accel/hls/heatvit_top.cpp").read_text()
bundles = re.findall(r"mode = m_axi port = (\w+) bundle = (\w+)", signature)
arguments = re.search(r"int heatvit_top\(([^)]*)\)", signature).group(1)
pointers = re.findall(r"(?:Port|uint32_t\*) (\w+)", arguments)
assert [p for p, _ in bundles] == [p for p, _ in bundles if p in pointers] and len({b for _, b in bundles}) == 9
log, _ = run("accel/hls/block_design.tcl", "-tclargs", "ip", 200)
links = dict(tuple(c) for c in calls(log, "connect_bd_intf_net"))
cells = {c[-1]: c[c.index("-vlnv") + 1] for c in calls(log, "create_bd_cell")}
assert cells["heatvit_top"] == "xilinx.com:hls:heatvit_top"
ports = set()
for _, bundle in bundles:
    converter = links[f"heatvit_top/m_axi_{bundle}"].split("/")[0]
    ports.add(links[f"{converter}/M00_AXI"])
names = ["HP0", "HP1", "HP2", "HP3", "HPC0", "HPC1"]
assert ports == {f"ps/S_AXI_{name}_FPD" for name in names}, ports
assert links["ps/M_AXI_HPM0_FPD"] == "registers/S00_AXI" and links["registers/M00_AXI"] == "heatvit_top/s_axi_control"
nets = calls(log, "connect_bd_net")
assert ["heatvit_top/interrupt", "ps/pl_ps_irq0"] in nets
clocked = {to for start, to in nets if start == "ps/pl_clk0"}
assert {"heatvit_top/ap_clk", "ps/maxihpm0_fpd_aclk", *(f"ps/saxi{name.lower()}_fpd_aclk" for name in names)} <= clocked
assert {to for start, to in nets if start == "reset/peripheral_aresetn"} >= {"heatvit_top/ap_rst_n", "registers/aresetn"}
for cell, kind in cells.items():
    if kind.endswith("smartconnect"):
        assert f"{cell}/aclk" in clocked, cell
settings = [c for c in calls(log, "set_property") if c[-1] == "ps"][0]
values = dict(zip(settings[1].split()[0::2], settings[1].split()[1::2]))
assert [values[f"CONFIG.PSU__SAXIGP{i}__DATA_WIDTH"] for i in range(6)] == ["128"] * 6
assert all(values[f"CONFIG.PSU__USE__S_AXI_GP{i}"] == "1" for i in range(6))
assert values["CONFIG.PSU__CRL_APB__PL0_REF_CTRL__FREQMHZ"] == "200"
assert all(f"port = {p} bundle = {b} offset = slave" in signature for p, b in bundles)
assert "int8_t byte[kWordBytes];" in (home / "accel/hls/port.h").read_text()
addresses = {c[c.index("-target_address_space") + 1]: (c[1], c[3], c[-1]) for c in calls(log, "assign_bd_address")}
bare = re.search(r"HEATVIT_REGISTERS_AT (0x\w+)u", (home / "accel/soc/driver/board_bare.c").read_text()).group(1)
assert addresses["ps/Data"] == (bare, "64K", "heatvit_top/s_axi_control/Reg")
assert {a[2] for s, a in addresses.items() if s != "ps/Data"} == {f"ps/SAXIGP{(i + 2) % 6}/{name}_DDR_LOW"
                                                                          for i, name in enumerate(names)}
assert calls(log, "validate_bd_design") and calls(log, "write_hw_platform")
assert not calls(run("accel/hls/block_design.tcl", "-tclargs", "-", 150, "design")[0], "launch_runs")

# ---- Register offsets: pragmas and the driver's header say the same, and no two overlap.
pragmas = {name: int(at) for name, at in
           re.findall(r"mode = s_axilite port = (\w+) bundle = control offset = (\d+)", signature)}
header = (home / "accel/soc/driver/heatvit_hls.h").read_text()
enum = {name.lower(): int(at) for name, at in re.findall(r"HEATVIT_HLS_(\w+) = (\d+)[,\s]", header) if int(at) >= 32}
assert pragmas == enum, (pragmas, enum)
taken = sorted((at, 32 if name == "kept" else 8 if name in dict(bundles) else 4) for name, at in pragmas.items())
assert all(a + size < b for (a, size), (b, _) in zip(taken, taken[1:])), taken
