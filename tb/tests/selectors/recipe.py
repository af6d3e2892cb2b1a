"""The printed recipe of docs/training.md, short, on 60 pictures of deit-micro: recipe.py HOME RUN_SIM FOLDER."""

import json
import os
import shutil
import subprocess
import sys
import tempfile

home, run_sim, folder = sys.argv[1:]
scripts = home + "/models/selectors/"
micro = home + "/models/zoo/micro"
sys.path.insert(0, scripts)
from heatvit import tensors  # noqa: E402

COUNT = 60


def call(script, *arguments, code=0):
    done = subprocess.run([sys.executable, "-B", scripts + script, *arguments], capture_output=True, text=True)
    assert done.returncode == code, (script, done.returncode, done.stdout, done.stderr)
    return done.stdout + done.stderr


def simulate(scratch, *arguments):
    command = [run_sim, "--model", "deit-micro", "--images", scratch + "/pictures", "--labels", micro + "/labels.csv", "--quiet"]
    subprocess.run([*command, *arguments, "--json", scratch + "/run.json"], check=True)
    with open(scratch + "/run.json", encoding="utf-8") as file:
        return json.load(file)["summary"]


def everything_is_executable():
    for name in os.listdir(scripts):
        if name.endswith(".py") and open(scripts + name, encoding="utf-8").read(2) == "#!":
            assert os.access(scripts + name, os.X_OK), name
            assert "usage" in call(name, "--help"), name


with tempfile.TemporaryDirectory(dir=folder) as scratch:
    everything_is_executable()
    os.makedirs(scratch + "/pictures")
    for name in sorted(os.listdir(micro + "/images"))[:COUNT]:
        shutil.copy(f"{micro}/images/{name}", scratch + "/pictures")
    network = ["--model", "deit-micro", "--weights", micro + "/weights.safetensors", "--images", scratch + "/pictures"]
    labelled = ["--labels", micro + "/labels.csv"]
    simulator = ["--run-sim", run_sim]
    out = scratch + "/run"
    training = ["--first", "3", "--saved", "0.1,0.2,0.3", "--tune", "1e-3", "--rank", "2", "--copies", "4", "--epochs", "2",
                "--batch", "16", "--bfloat16", "--threads", "1", "--cache", scratch + "/crops", "--validation-share", "0.1", "--out", out]
    said = call("train.py", *network, *training)
    assert "min," in said and "MB" in said, said
    call("calibrate.py", *network, *simulator, "--list", out + "/training.csv", "--selectors", out + "/selectors.safetensors",
         "--out", out + "/calibrated.safetensors")
    metadata = tensors.read_safetensors(out + "/calibrated.safetensors")[1]
    assert "residual" in metadata["heatvit.ranges"] and metadata["heatvit.points"].startswith("10:")
    unpruned, gmacs = simulate(scratch, "--scorer", "none"), []
    for point in ("10", "20", "30"):
        summary = simulate(scratch, "--selector-weights", f"{out}/calibrated.safetensors@{point}")
        gmacs.append(summary["gmacs_mean"] / unpruned["gmacs_mean"])
        assert summary["top1"] > 0.5, (point, summary["top1"])  # chance is 1 of 16
    assert gmacs == sorted(gmacs, reverse=True) and all(abs(1 - share - 0.1 * (k + 1)) < 0.08 for k, share in enumerate(gmacs)), gmacs
    said = call("fronts.py", *network, *simulator, *labelled, "--selectors", out + "/calibrated.safetensors", "--points", "20",
                "--seeds", "1", "--out", scratch + "/fronts")
    assert "equal latency" in said and "rank correlation" in said, said
    said = call("fronts.py", *network, *simulator, *labelled, "--selectors", out + "/calibrated.safetensors", "--points", "20",
                "--matched", "--tuned", "--out", scratch + "/matched")
    for method in ("cls-attention", "evit", "random", "evit, tuned backbone"):
        assert f"{method}, equal products" in said and f"{method}, equal latency" in said, said
    latency = unpruned["latency_ms"]["mean"]
    call("set_latency.py", *network, *simulator, "--selectors", out + "/calibrated.safetensors", "--limit", "20", "--target-ms",
         str(0.9 * latency), "--out", out + "/faster.safetensors")
    said = call("set_latency.py", *network, *simulator, "--selectors", out + "/calibrated.safetensors", "--target-ms",
                str(1.1 * latency), "--out", out + "/slower.safetensors", code=2)
    assert "of the unpruned network is needed" in said, said
