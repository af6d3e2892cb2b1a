# %% [markdown]
# # The simulator in Python
# Run it as a script, or cell by cell (VS Code, Jupyter with jupytext):
#
#     ./run_sim.sh python docs/notebook.py
#
# It needs no file that the project does not have. The figure is drawn by matplotlib where that is installed, else plainly; the
# training step is made where PyTorch is.

# %%
import pathlib
import sys

import numpy

import heatvit

HOME = pathlib.Path(__file__).resolve().parent.parent if "__file__" in globals() else pathlib.Path.cwd()
OUT = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(".")  # where figures go
PICTURES = sorted((HOME / "models/zoo/micro/images").glob("*.jpg"))[:32]

# %% [markdown]
# ## A table: pictures through the simulated hardware
# The trained selectors of deit-micro decide picture by picture how many tokens stay.

# %%
with heatvit.Simulator("deit-micro") as simulator:
    result = simulator.run(PICTURES)
    print(result)
    for name, cycles, ms, kept in list(zip(result.files, result.cycles, result.latency_ms, result.kept_counts))[:8]:
        print(f"  {name:28} {cycles:7d} cycles {ms:6.3f} ms, kept {kept.tolist()}")

    busy = {unit: result.breakdown[f"{unit}_busy"].sum() / result.breakdown["cycles"].sum() for unit in ("pe", "vector", "cpu")}
    print("  busy: " + ", ".join(f"{unit} {100 * share:.0f} %" for unit, share in busy.items()))

# %% [markdown]
# ## A policy of one's own
# Any decision can be replayed: here each picture keeps what CLS attention would, half of it at random, on hardware whose
# selection costs nothing.

# %%
rng = numpy.random.default_rng(1)
own = [[rng.permutation(stage)[: max(1, len(stage) // 2)] if place == 2 else stage for place, stage in enumerate(kept)]
       for kept in result.kept]
with heatvit.Simulator("deit-micro", scorer="none") as simulator:
    replayed = simulator.run(PICTURES, kept=own)
same = (replayed.classes == result.classes).mean()
print(f"own policy: {replayed.latency_ms.mean():.3f} ms in place of {result.latency_ms.mean():.3f} ms, "
      f"the same class on {100 * same:.0f} % of the pictures")

# %% [markdown]
# ## A figure: designs
# Every point of a sweep is simulated in a process of its own.

# %%
points = heatvit.sweep({"pl.clock_mhz": [100, 150, 200], "vec.lanes": [16, 32], "prune_rates": [None, [.3, .51, .657]]},
                       "deit-t", jobs=2)
print(points)
front = points.front(("latency_ms", "power_w"))
for point in front.points:
    print(f"  {point['pl.clock_mhz']} MHz, {point['vec.lanes']} lanes, rates {point['prune-rates']}: "
          f"{point['latency_ms']:.3f} ms, {point['power_w']:.2f} W")

try:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6, 4))
    axes.scatter(points["latency_ms"], points["power_w"], label="designs")
    axes.plot(*zip(*sorted((p["latency_ms"], p["power_w"]) for p in front.points)), color="tab:red", label="front")
    axes.set_xlabel("latency of DeiT-T, ms")
    axes.set_ylabel("power, W")
    axes.legend()
    figure.savefig(OUT / "designs.svg")
except ImportError:
    from heatvit_training import plot

    drawn = [("designs", list(zip(points["latency_ms"], points["power_w"])), False),
             ("front", sorted((p["latency_ms"], p["power_w"]) for p in front.points), True)]
    (OUT / "designs.svg").write_text(plot.svg(drawn, "latency of DeiT-T, ms", "power, W"), encoding="utf-8")
print(f"  figure: {OUT / 'designs.svg'}")

# %% [markdown]
# ## A training step
# The latency of a network is a differentiable function of its keep ratios: a term of a loss.

# %%
try:
    import torch
except ImportError:
    print("no training step: PyTorch is not installed")
else:
    table = heatvit.table("deit-t", keep_ratios="1.0:0.2:0.1", jobs=2)
    ratios = torch.tensor([0.9, 0.8, 0.7], requires_grad=True)
    optimiser = torch.optim.SGD([ratios], lr=0.02)
    target = 2.8  # ms; unpruned it takes 3.6
    for step in range(20):
        latency = table(ratios)
        loss = (latency - target) ** 2
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    rates = [round(1 - ratio, 3) for ratio in ratios.tolist()]
    print(f"trained to {float(table(ratios)):.3f} ms: keep ratios {[round(r, 3) for r in ratios.tolist()]}")
    rates = numpy.maximum.accumulate(rates).tolist()
    print(f"simulated: {heatvit.latency('deit-t', prune_rates=rates):.3f} ms")
