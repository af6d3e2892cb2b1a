"""Many design points: `run_sim sweep` (docs/exploration.md)."""

import csv
import io
import os
import tempfile
from typing import Any, Dict, Optional, Sequence, Union

from . import program
from .errors import InputError
from .results import SweepResult

_RUN = {"model": "model", "prune_rates": "prune-rates", "scorer": "scorer", "selectors": "selectors"}


def _value(text):
    """A cell of the exported table: a number where it is one."""
    if text == "":
        return None
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _axis(key, values):
    if isinstance(values, str):
        return values  # a range of the program's, "16:64:16" or "log 100:300:5"
    texts = [program.text_of(value) for value in values]
    if not texts:
        raise InputError(f"axis {key}: it has no values")
    return "; ".join(texts)


def _ini(axes, run, limits, hardware):
    lines = ["[sweep]", *(f"{key} = {program.text_of(value)}" for key, value in run.items() if value is not None), "[axis]"]
    lines += [f"{_RUN.get(key, key)} = {_axis(key, values)}" for key, values in axes.items()]
    if limits:
        lines += ["[limit]", *(f"{key} = {program.text_of(value)}" for key, value in limits.items())]
    sections = {}
    for key, value in (hardware or {}).items():
        section, _, name = key.partition(".")
        sections.setdefault(section, []).append(f"{name} = {program.text_of(value)}")
    for section, body in sections.items():
        lines += [f"[{section}]", *body]
    return "\n".join(lines) + "\n"


def sweep(axes: Dict[str, Union[str, Sequence[Any]]], model: Optional[str] = None, *,
          prune_rates: Optional[Sequence[float]] = None, scorer: Optional[str] = None, selectors: Optional[Sequence[int]] = None,
          hardware: Optional[Dict[str, Any]] = None, limits: Optional[Dict[str, float]] = None, method: str = "grid",
          samples: Optional[int] = None, seed: Optional[int] = None, population: Optional[int] = None,
          objectives: Optional[Sequence[str]] = None, screen: Optional[float] = None, device: Optional[str] = None, jobs: int = 1,
          out: Union[None, str, "os.PathLike[str]"] = None) -> SweepResult:
    """Simulates the points that the axes span, each in a process of the pool. Returns a SweepResult.

    axes        {key: values}: keys of `heatvit.parameters()`, or model, prune_rates, scorer, selectors; values a list (of
                prune_rates lists, None: unpruned) or a range of the program's ("64:256:64", "log 100:300:5")
    model, prune_rates, scorer, selectors, hardware   what no axis changes
    limits      {metric: most}: latency_ms, dsp, bram18k, lut, ff, power_w, energy_mj, gmacs, tiles
    method      grid, latin, random or nsga2; samples, seed, population, objectives, screen, device: docs/exploration.md
    jobs        processes
    out         its SQLite file, which a later call with the same sweep goes on with; default: none is kept

        points = heatvit.sweep({"pe.to": [16, 32, 64], "pl.clock_mhz": [150, 200]}, "deit-s", prune_rates=[.3, .51, .657])
        points.to_frame()
    """
    run = {"model": model, "prune-rates": prune_rates, "scorer": scorer, "selectors": selectors, "method": method,
           "samples": samples, "seed": seed, "population": population, "objectives": objectives, "screen": screen,
           "device": device}
    with tempfile.TemporaryDirectory(prefix="heatvit-") as folder:
        config = os.path.join(folder, "sweep.ini")
        with open(config, "w", encoding="utf-8") as file:
            file.write(_ini(axes, run, limits, hardware))
        path = os.path.join(folder, "points.sqlite") if out is None else os.fspath(out)
        try:
            program.call("sweep", "--config", config, "--out", path, "--jobs", jobs, "--quiet")
        except InputError as error:
            raise InputError(str(error).replace(config, "sweep")) from None
        table = list(csv.DictReader(io.StringIO(program.call("sweep", "export", path))))
    points = [{key: cell if key in ("state", "reason") else _value(cell) for key, cell in row.items() if key != "provenance"}
              for row in table]
    return SweepResult([_RUN.get(key, key) for key in axes], points, None if out is None else path)
