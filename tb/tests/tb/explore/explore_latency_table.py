"""Test of models/selectors/latency_table.py: explore_latency_table.py HOME RUN_SIM FOLDER. Fails with an AssertionError."""

import json
import subprocess
import sys

import torch

home, run_sim, folder = sys.argv[1:]
sys.path.insert(0, home + "/models/selectors")
from latency_table import LatencyTable  # noqa: E402


def make(name, *more):
    path = f"{folder}/{name}"
    subprocess.run([run_sim, "table", "--model", "deit-t", "--out", path, "--quiet", *more], check=True)
    return path


def full_run(rates):
    path = f"{folder}/run.json"
    subprocess.run([run_sim, "--model", "deit-t", "--prune-rates", rates, "--json", path, "--quiet"], check=True)
    with open(path, encoding="utf-8") as file:
        return json.load(file)["summary"]["latency_ms"]["mean"]


table_path = make("table.json")
table = LatencyTable(table_path)
from_csv = LatencyTable(make("table.csv"))
coarse = LatencyTable(make("coarse.json", "--keep-ratios", "1.0:0.0:0.1"))

# Against the simulator itself, at token counts that the table has.
for rates in ("0,0,0", "0.3,0.51,0.657", "0.5,0.75,0.95"):
    kept = torch.tensor([int(196 * (1 - float(r)) + 1e-9) / 196 for r in rates.split(",")])
    got, expected = table(kept).item(), full_run(rates)
    assert abs(got / expected - 1) < 0.02, (rates, got, expected)
    assert abs(coarse(kept).item() / expected - 1) < 0.02, rates

# The same sums as in the table's own check, and the same from CSV.
with open(table_path, encoding="utf-8") as file:
    check = json.load(file)["check"]["runs"]
assert len(check) == 10
for run in check:
    kept = torch.tensor([k / 196 for k in run["kept"]], dtype=torch.float64)
    assert abs(table(kept).item() - run["parts_ms"]) < 1e-6, run
    assert abs(from_csv(kept).item() - run["parts_ms"]) < 1e-6, run

# The gradient is the slope (away from entries), for a batch at once; fewer tokens are faster.
torch.manual_seed(1)
kept = torch.sort(torch.rand(5, 3, dtype=torch.float64) * 0.9 + 0.05, descending=True).values
kept = ((kept * 196).floor() + 0.5) / 196
kept.requires_grad_(True)
assert table(kept).shape == (5,)
assert torch.autograd.gradcheck(table, kept, eps=1e-6)
table(kept).sum().backward()
# Where blocks of few tokens wait for weights, neighbouring counts differ by refreshes of 350 ns, up to two a block of three.
assert (kept.grad > -3 * 2 * 350e-6 * 196).all() and kept.grad.mean() > 0.3, kept.grad
over_tens = kept.detach().clone().requires_grad_(True)
coarse(over_tens).sum().backward()
assert (over_tens.grad > 0.2).all(), over_tens.grad

# Continuous across an entry and up to no pruning at all.
for ratio in (100 / 196, 1 - 1e-9):
    near = [table(torch.full((3,), ratio + d, dtype=torch.float64)).item() for d in (-1e-9, 0)]
    assert abs(near[0] - near[1]) < 1e-5, near

for wrong in ([0.5], [0.5, 0.4, 0.3, 0.2]):
    try:
        table(torch.tensor(wrong))
    except ValueError:
        continue
    raise AssertionError(wrong)
