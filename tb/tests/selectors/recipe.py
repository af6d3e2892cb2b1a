"""The printed recipe of docs/training.md, short, on 60 pictures of deit-micro: recipe.py HOME RUN_SIM FOLDER."""

import csv
import json
import os
import shutil
import subprocess
import sys
import tempfile

home, run_sim, folder = sys.argv[1:]
scripts = home + "/models/selectors/"
micro = home + "/models/zoo/micro"

COUNT = 60
packages = os.path.join(os.path.dirname(os.path.dirname(run_sim)), "python")
if not os.path.exists(os.path.join(packages, "heatvit", "__init__.py")):
    print("skipped: built without the Python package (-DHEATVIT_PYTHON=ON)")
    sys.exit(77)
import preloaded  # noqa: E402

sys.path.insert(0, scripts)
from heatvit_training import tensors  # noqa: E402


def call(script, *arguments, code=0):
    said = preloaded.run(scripts + script, *arguments, environment={**os.environ, "PYTHONPATH": ""})
    assert said[0] == code, (script, *said)
    return said[1] + said[2]


def start(script, *arguments, code=0, path=""):
    """As a process that loads everything itself."""
    environment = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run([sys.executable, "-B", scripts + script, *arguments], capture_output=True, text=True, env=environment)
    assert done.returncode == code, (script, done.returncode, done.stdout, done.stderr)
    return done.stdout + done.stderr


def simulate(scratch, *arguments):
    command = [run_sim, "--model", "deit-micro", "--images", scratch + "/pictures", "--labels", micro + "/labels.csv", "--quiet"]
    subprocess.run([*command, *arguments, "--json", scratch + "/run.json"], check=True)
    with open(scratch + "/run.json", encoding="utf-8") as file:
        return json.load(file)["summary"]


def ranges_of_the_program(scratch, selectors, listed, out):
    """What run_sim writes for the photographs that calibrate.py takes."""
    with open(listed, encoding="utf-8", newline="") as file:
        wanted = sorted(row["file"] for row in csv.DictReader(file))
    os.makedirs(scratch + "/linked")
    for name in [wanted[k * len(wanted) // 32] for k in range(32)] if len(wanted) > 32 else wanted:
        os.symlink(f"{scratch}/pictures/{name}", f"{scratch}/linked/{name}")
    subprocess.run([run_sim, "quantize", "--model", "deit-micro", "--weights", micro + "/weights.safetensors", "--selector-weights",
                    selectors, "--calibrate", scratch + "/linked", "--ranges-out", out, "--out", scratch + "/q.safetensors"],
                   check=True, stdout=subprocess.DEVNULL)
    with open(out, encoding="utf-8") as file:
        return json.load(file)


def everything_is_executable():
    for name in os.listdir(scripts):
        if name.endswith(".py") and open(scripts + name, encoding="utf-8").read(2) == "#!":
            assert os.access(scripts + name, os.X_OK), name
            assert "usage" in start(name, "--help"), name


def the_package_is_found(scratch, network, selectors):
    """On Python's path, or by one clear line that says how."""
    few = [*network, "--selectors", selectors, "--limit", "4", "--target-ms", "0.9", "--out", scratch + "/x.safetensors"]
    found = start("set_latency.py", *few, path=packages)
    assert found == start("set_latency.py", *few, "--run-sim", run_sim, path=scripts), found
    os.makedirs(scratch + "/bin")
    shutil.copy(sys.executable, scratch + "/bin/run_sim")
    said = call("set_latency.py", *few, "--run-sim", scratch + "/bin/run_sim", code=2)
    assert said.count("\n") == 1 and "package is not beside it" in said and "run_sim.sh python" in said, said


def a_table_is_made(scratch, network, training):
    """Without --table: by the simulator's package, the one that run_sim writes."""
    said = call("place.py", *network, "--first", "3", "--target-ms", "99", "--out", scratch + "/plan", "--run-sim", run_sim, code=2)
    assert "of the unpruned network is needed" in said, said
    subprocess.run([run_sim, "table", "--model", "deit-micro", "--out", scratch + "/table.json", "--quiet"], check=True)
    with open(scratch + "/plan/table.json", encoding="utf-8") as made, open(scratch + "/table.json", encoding="utf-8") as theirs:
        assert json.load(made)["rows"] == json.load(theirs)["rows"]
    without = [word for word in training if word not in ("--saved", "0.1,0.2,0.3")]
    assert "--target-ms is needed" in call("train.py", *network, *without, code=2)


with tempfile.TemporaryDirectory(dir=folder) as scratch:
    everything_is_executable()
    os.makedirs(scratch + "/pictures")
    for name in sorted(os.listdir(micro + "/images"))[:COUNT]:
        shutil.copy(f"{micro}/images/{name}", scratch + "/pictures")
    network = ["--model", "deit-micro", "--weights", micro + "/weights.safetensors", "--images", scratch + "/pictures"]
    labelled = ["--labels", micro + "/labels.csv"]
    simulator = ["--run-sim", run_sim]
    out = scratch + "/run"
    training = ["--first", "3", "--saved", "0.1,0.2,0.3", "--tune", "1e-3", "--rank", "2", "--copies", "3", "--epochs", "2", "--warm-images",
                "96", "--batch", "16", "--bfloat16", "--threads", "1", "--cache", scratch + "/crops", "--validation-share", "0.1", "--out", out]
    said = call("train.py", *network, *training)
    assert "min," in said and "MB" in said, said
    more = [word if word != out else scratch + "/more" for word in training]
    both = f"{out}/selectors.safetensors,{out}/selectors.safetensors"
    said = call("train.py", *network, *more, "--init", both, "--hardness", "4", "--epochs", "1", "--quiet")
    assert "min," in said, said
    call("calibrate.py", *network, *simulator, "--list", out + "/training.csv", "--selectors", out + "/selectors.safetensors",
         "--out", out + "/calibrated.safetensors")
    metadata = tensors.read_safetensors(out + "/calibrated.safetensors")[1]
    assert "residual" in metadata["heatvit.ranges"] and metadata["heatvit.points"].startswith("10:")
    assert json.loads(metadata["heatvit.ranges"])["ranges"] == ranges_of_the_program(
        scratch, out + "/selectors.safetensors", out + "/training.csv", scratch + "/ranges.json")["ranges"]
    moving = ["--selectors", out + "/calibrated.safetensors", "--out", out + "/moved.safetensors"]
    assert "margin" in call("set_points.py", *network, *simulator, *moving, "--margin", "7", code=2)
    call("set_points.py", *network, *simulator, *moving, "--margin", "0.5")
    assert "no image there that is asked for" in call("set_points.py", *network, *simulator, *moving, "--names", "x*", code=2)
    unpruned, gmacs = simulate(scratch, "--scorer", "none"), []
    for point in ("10", "20", "30"):
        summary = simulate(scratch, "--selector-weights", f"{out}/moved.safetensors@{point}")
        gmacs.append(summary["gmacs_mean"] / unpruned["gmacs_mean"])
        assert summary["top1"] > 0.5, (point, summary["top1"])  # chance is 1 of 16
    assert gmacs == sorted(gmacs, reverse=True) and all(abs(1 - share - 0.1 * (k + 1) - 0.005) < 0.01 for k, share in enumerate(gmacs)), gmacs
    some = ["--list", scratch + "/some.csv"]  # the policies are run often, on all images
    tensors.write_text(some[1], "\n".join(["file", *sorted(os.listdir(scratch + "/pictures"))[::5]]) + "\n")
    fronts = ["fronts.py", *network, *simulator, *labelled, *some, "--selectors", out + "/calibrated.safetensors", "--points", "20"]
    said = call(*fronts, "--seeds", "1", "--out", scratch + "/fronts")
    assert "equal latency" in said and "rank correlation" in said, said
    said = call(*fronts, "--matched", "--tuned", "--dropped", "--merged", "2,4", "--out", scratch + "/matched")
    assert "heatvit, no package token" in said and "tome, in every block, 4 each" in said, said
    for method in ("cls-attention", "evit", "tome", "random", "evit, tuned backbone", "tome, tuned backbone"):
        assert f"{method}, equal products" in said and f"{method}, equal latency" in said, said
    said = call("costs.py", "--model", "deit-micro", "--rates", "0.3,0.5,0.7", *simulator)
    assert all(f"\n| {policy} |" in said for policy in ("evit", "tome", "heatvit, `--package off`")), said
    assert "`selector: partners`" in said and "| tome | partners, merging, softmax by size |" in said, said
    latency = unpruned["latency_ms"]["mean"]
    call("set_latency.py", *network, *simulator, "--selectors", out + "/calibrated.safetensors", "--limit", "20", "--target-ms",
         str(0.9 * latency), "--out", out + "/faster.safetensors")
    said = call("set_latency.py", *network, *simulator, "--selectors", out + "/calibrated.safetensors", "--target-ms",
                str(1.1 * latency), "--out", out + "/slower.safetensors", code=2)
    assert "of the unpruned network is needed" in said, said
    the_package_is_found(scratch, network, out + "/calibrated.safetensors")
    a_table_is_made(scratch, network, training)
