"""Latency tables: `run_sim table` as a PyTorch module."""

import os
import tempfile
from typing import TYPE_CHECKING, Any, Dict, Optional, Sequence, Union

from . import program

if TYPE_CHECKING:
    from .latency_table import LatencyTable


def table(model: str, hardware: Optional[Dict[str, Any]] = None, *, out: Union[None, str, "os.PathLike[str]"] = None,
          keep_ratios: Optional[str] = None, scorer: Optional[str] = None, selectors: Optional[Sequence[int]] = None, jobs: int = 1,
          **options: Any) -> "LatencyTable":
    """Latency of a network's parts by token count, simulated: a torch module, `table(keep_ratios)` in ms (LatencyTable).

        table = heatvit.table("deit-s")
        table(torch.tensor([0.7, 0.49, 0.343], requires_grad=True)).backward()

    keep_ratios  "1.0:0.5:0.1": only the token counts of these; default: every count from 2
    scorer       whose selectors: heatvit (default), cls-attention, evit or random
    selectors    positions that the module has, in place of the model's own
    out          a .json or .csv file that is kept; measured rows are remembered in any case (docs/exploration.md)
    """
    from .latency_table import LatencyTable  # needs torch

    with tempfile.TemporaryDirectory(prefix="heatvit-") as folder:
        path = os.path.join(folder, "table.json") if out is None else os.fspath(out)
        line = program.words(model, hardware, out=path, keep_ratios=keep_ratios, scorer=scorer, jobs=jobs, **options)
        program.call("table", *line, "--quiet")
        return LatencyTable(path, selectors)
