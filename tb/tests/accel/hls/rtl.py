"""RTL of two units on vectors of a simulated run: rtl.py HOME RUN_SIM HLS_CHARGE FOLDER. Exit code 77 without Verilator."""
import os
import pathlib
import re
import shutil
import subprocess
import sys

home, run_sim, charge, folder = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3], pathlib.Path(sys.argv[4])
for program in ("verilator", "make"):  # which Verilator builds with; it does not depend on it
    if not shutil.which(program):
        print("skipped: needs " + program)
        sys.exit(77)
folder.mkdir(parents=True, exist_ok=True)
environment = dict(os.environ, HEATVIT_HOME=str(home))
image = home / "models/zoo/micro/images/000_circle_filled.jpg"
subprocess.run([run_sim, "--model", "deit-micro", "--image", image, "--selector-weights", "random:3", "--dump-vectors", folder / "v",
                "--vectors", "3", "--quiet"], check=True, env=environment)


def bench(unit, rtl, name, code=0):
    files = sorted((folder / "v").glob(f"{unit}-*.vec"))
    more = ["--yosys"] if shutil.which("yosys") and code == 0 else []
    done = subprocess.run([sys.executable, home / "tb/rtl/rtl_bench.py", *files, "--charge", charge, "--period", "6.67", "--folder", folder / name,
                           *more, "--rtl", rtl], capture_output=True, text=True, env=environment)
    assert done.returncode == code, (done.stdout, done.stderr)
    print(done.stdout, end="")
    return done.stdout


for unit, dsp in (("requantize", 2), ("token_select_threshold", 0)):
    text = bench(unit, home / f"tb/rtl/{unit}.v", unit)
    calls = re.findall(r": match; (\d+) cycles, (\d+) charged", text)
    assert len(calls) == 3, text
    for cycles, charged in calls:  # a value, or a token, a cycle: filling and draining differ
        assert abs(int(cycles) - int(charged)) <= 8, text
    if shutil.which("yosys"):
        assert f"{unit}: {dsp} DSP" in text, text

# A fault in the RTL is found: rounded down.
source = (home / "tb/rtl/requantize.v").read_text()
bent = folder / "bent.v"
bent.write_text(source.replace("part + 48'sd1", "part"))
assert bent.read_text() != source
assert "values differ" in bench("requantize", bent, "bent", code=1)
