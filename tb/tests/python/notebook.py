"""docs/notebook.py runs: notebook.py HOME PACKAGES RUN_SIM."""

import os
import subprocess
import sys
import tempfile

HOME, PACKAGES = sys.argv[1:3]
with tempfile.TemporaryDirectory() as folder:
    script = os.path.join(HOME, "docs", "notebook.py")
    environment = {**os.environ, "PYTHONPATH": PACKAGES, "HEATVIT_HOME": HOME, "MPLCONFIGDIR": folder}
    done = subprocess.run([sys.executable, "-B", script, folder], env=environment, capture_output=True, text=True)
    print(done.stdout + done.stderr)
    assert done.returncode == 0, done.returncode
    for text in ("<heatvit.RunResult: deit-micro, functional, 32 images", "own policy:", "<heatvit.SweepResult: 12 points, 12 done"):
        assert text in done.stdout, text
    if "no figure" not in done.stdout:
        assert "figure: " in done.stdout and os.path.getsize(os.path.join(folder, "designs.svg")) > 0
    assert "trained to" in done.stdout or "no training step" in done.stdout
