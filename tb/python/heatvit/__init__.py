"""HeatViT's accelerator, simulated: vision transformers whose unimportant tokens are dropped on the way.

    import heatvit
    sim = heatvit.Simulator("deit-t", weights="W.safetensors", hardware={"pe.to": 32}, prune_rates=[.3, .51, .657])
    result = sim.run(images)          # uint8 (N, height, width, 3) or paths
    result.logits, result.kept, result.latency_ms, result.breakdown

    heatvit.latency("deit-s", prune_rates=[.3, .51, .657])     # ms, no file needed
    heatvit.sweep({"pe.to": [16, 32, 64]}, "deit-s").to_frame()
    heatvit.table("deit-s")                                    # a differentiable torch module
    heatvit.parameters(), heatvit.models(), heatvit.describe("vit.json")

Every number is the one that `run_sim` gives. docs/python.md has more.
"""

from ._native import version as __version__
from .errors import Error, HeatvitWarning, InputError, SimulationError
from .listing import devices, models, parameters
from .results import RunResult, SweepResult
from .simulator import Question, Simulator, describe, latency, quantize
from .sweeps import sweep
from .tables import table

__all__ = ["Error", "HeatvitWarning", "InputError", "Question", "RunResult", "SimulationError", "Simulator", "SweepResult",
           "describe", "devices", "latency", "models", "parameters", "quantize", "sweep", "table"]
