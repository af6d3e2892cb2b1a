"""LatencyTable where scripts look for it: heatvit_training/latency_table.py, and heatvit.table() of the Python package."""

from heatvit_training.latency_table import PARTS, LatencyTable

__all__ = ["PARTS", "LatencyTable"]
