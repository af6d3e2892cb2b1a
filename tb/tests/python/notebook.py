"""docs/notebook.py runs: notebook.py HOME PACKAGES RUN_SIM."""

import importlib.util
import os
import re
import subprocess
import sys
import tempfile

HOME, PACKAGES = sys.argv[1:3]


def run(folder, environment):
    script = os.path.join(HOME, "docs", "notebook.py")
    done = subprocess.run([sys.executable, "-B", script, folder], env=environment, capture_output=True, text=True)
    print(done.stdout + done.stderr)
    assert done.returncode == 0, done.returncode
    return done.stdout


with tempfile.TemporaryDirectory() as folder:
    environment = {**os.environ, "PYTHONPATH": PACKAGES, "HEATVIT_HOME": HOME, "MPLCONFIGDIR": folder}
    said = run(folder, environment)
    # A table, replayed decisions, a figure, a training step.
    for text in ("<heatvit.RunResult: deit-micro, functional, 32 images", "cycles", "busy: pe", "own policy:",
                 "<heatvit.SweepResult: 12 points, 12 done", "figure: "):
        assert text in said, text
    with open(os.path.join(folder, "designs.svg"), encoding="utf-8") as file:
        assert "latency of DeiT-T" in file.read()
    if importlib.util.find_spec("torch"):
        target, trained, simulated = 2.8, *(float(re.search(text + r" ([0-9.]+) ms", said)[1]) for text in ("trained to", "simulated:"))
        assert abs(trained - target) < 0.1 and abs(simulated / trained - 1) < 0.05, (trained, simulated)
    else:
        assert "no training step" in said
    # Where matplotlib is not, the figure is drawn plainly.
    os.remove(os.path.join(folder, "designs.svg"))
    with open(os.path.join(folder, "matplotlib.py"), "w", encoding="utf-8") as file:
        file.write("raise ImportError\n")
    assert "figure: " in run(folder, {**environment, "PYTHONPATH": folder + ":" + PACKAGES})
    assert os.path.getsize(os.path.join(folder, "designs.svg")) > 0
