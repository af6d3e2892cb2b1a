"""What runs give back."""

import json
import os
from typing import Any, Dict, List, Optional, Sequence, Union

import numpy

# Columns of a breakdown beside block and op, as the JSON report has them (docs/cli.md).
_COUNTS = ("cycles", "bound_cycles", "bytes", "tiles", "macs", "saturated")
_UNITS = ("control", "dma_in", "dma_weights", "pe", "vector", "selector", "dma_out", "cpu")


def _breakdown(rows):
    kinds = [("block", numpy.int32), ("op", "U16"), *((name, numpy.float64) for name in _COUNTS)]
    kinds += [(f"{unit}_busy", numpy.float64) for unit in _UNITS]
    table = numpy.zeros(len(rows), kinds)
    for place, row in enumerate(rows):
        table[place]["block"], table[place]["op"] = row["block"], row["op"]
        for name in _COUNTS:
            table[place][name] = numpy.nan if row.get(name) is None else row[name]
        for unit in _UNITS:
            table[place][f"{unit}_busy"] = row["units"].get(unit, {}).get("busy", 0)
    return table


def _counts(rows):
    """(N, n) where all rows are equally long, else a list."""
    if len({len(row) for row in rows}) == 1:
        return numpy.array(rows, numpy.int64).reshape(len(rows), -1)
    return [numpy.array(row, numpy.int64) for row in rows]


class RunResult:
    """A run over N images.

    logits       (N, classes) float64, exactly the hardware's (of float mode: float32); of a network without a classifier its
                 features; None in timing and analytic mode
    tokens       (N, blocks) int64: rows entering each block, class token and package token included
    kept         a list an image, of an int64 array a selector: the patches that are left, 0 .. patches - 1, rising;
                 empty in timing and analytic mode
    kept_counts  (N, selectors) int64
    cycles       (N,) int64 of the accelerator's clock, of the batch that the image is in
    latency_ms   (N,) float64, likewise
    breakdown    a NumPy table, a row a block and operation: block, op, cycles, bound_cycles, bytes, tiles, macs, saturated,
                 UNIT_busy (cycles); means over the images. Block 0 is the embedding.
    files        N names
    labels       (N,) int64, -1 where not known
    top1, top5   share of right images; None without labels
    energy_mj, power_w, resources, config, summary, memory   as in the report
    report       the whole JSON report (docs/cli.md) as a dict; save() writes it for `run_sim report` and `compare`

    In float mode there are logits, tokens, kept, files, labels, top1, top5, config and report alone.
    """

    logits: Optional[numpy.ndarray]
    tokens: numpy.ndarray
    kept: List[List[numpy.ndarray]]
    kept_counts: numpy.ndarray
    cycles: Optional[numpy.ndarray]
    latency_ms: Optional[numpy.ndarray]
    breakdown: Optional[numpy.ndarray]
    files: List[str]
    labels: numpy.ndarray
    top1: Optional[float]
    top5: Optional[float]
    report: Dict[str, Any]

    def __init__(self, report: str, logits: Optional[numpy.ndarray]) -> None:
        self.report = json.loads(report)
        images = self.report["images"]
        self.logits = logits
        self.files = [image["file"] for image in images]
        self.labels = numpy.array([-1 if image["label"] is None else image["label"] for image in images], numpy.int64)
        self.tokens = _counts([image["tokens"] for image in images])
        self.kept = [[numpy.array(stage, numpy.int64) for stage in image["kept"]] for image in images]
        self.kept_counts = _counts([image["kept_counts"] for image in images])
        self.summary, self.config = self.report["summary"], self.report["config"]
        self.top1, self.top5 = self.summary["top1"], self.summary["top5"]
        self.mode = self.report["mode"]
        if self.mode == "float":
            self.cycles = self.latency_ms = self.breakdown = None
            return
        self.cycles = numpy.array([image["cycles"] for image in images], numpy.int64)
        self.latency_ms = numpy.array([image["latency_ms"] for image in images], numpy.float64)
        self.breakdown = _breakdown(self.report["breakdown"])
        self.energy_mj, self.power_w = self.report["energy_mj"], self.report["power_w"]
        self.resources, self.memory = self.report["resources"], self.report["memory"]

    def __len__(self) -> int:
        return len(self.files)

    def __repr__(self) -> str:
        latency = "" if self.latency_ms is None else f", {self.latency_ms.mean():.3f} ms"
        top = "" if self.top1 is None else f", top-1 {100 * self.top1:.1f} %"
        return f"<heatvit.RunResult: {self.report['model']}, {self.mode}, {len(self)} images{latency}{top}>"

    @property
    def classes(self) -> Optional[numpy.ndarray]:
        """(N,) int64: the first class of each image; None without logits. Ties go to the lower class."""
        return None if self.logits is None else self.logits.argmax(axis=1)

    def to_frame(self) -> Any:
        """A pandas.DataFrame, a row an image."""
        import pandas

        columns = {"file": self.files, "label": self.labels}
        if self.logits is not None:
            columns["class"] = self.classes
        if self.cycles is not None:
            columns["cycles"], columns["latency_ms"] = self.cycles, self.latency_ms
            columns["gmacs"] = [image["gmacs"] for image in self.report["images"]]
        for stage in range(max((len(row) for row in self.kept_counts), default=0)):
            columns[f"kept{stage + 1}"] = [row[stage] for row in self.kept_counts]
        return pandas.DataFrame(columns)

    def breakdown_frame(self) -> Any:
        """The breakdown as a pandas.DataFrame."""
        import pandas

        return pandas.DataFrame(self.breakdown)

    def save(self, path: Union[str, "os.PathLike[str]"]) -> None:
        """Writes the report as `run_sim run --json` does."""
        aside = os.fspath(path) + ".unfinished"
        with open(aside, "w", encoding="utf-8") as file:
            json.dump(self.report, file, indent=1, ensure_ascii=False)
            file.write("\n")
        os.replace(aside, path)


class SweepResult:
    """The points of a sweep.

    axes     names of the axes
    points   a list of dicts: point, state (done, infeasible, failed, "beyond a limit"), reason, a value an axis (numbers as
             numbers), cycles, latency_ms, dsp, bram18k, lut, ff, power_w, energy_mj, gmacs, tiles; None where not simulated
    file     its SQLite file (docs/exploration.md), or None
    """

    def __init__(self, axes: Sequence[str], points: List[Dict[str, Any]], file: Optional[str] = None) -> None:
        self.axes, self.points, self.file = list(axes), points, file

    def __len__(self) -> int:
        return len(self.points)

    def __repr__(self) -> str:
        done = sum(point["state"] == "done" for point in self.points)
        return f"<heatvit.SweepResult: {len(self)} points, {done} done; axes {', '.join(self.axes)}>"

    def __getitem__(self, column: str) -> numpy.ndarray:
        """A column: (points,) float64 with NaN, or object where it has words."""
        values = [point[column] for point in self.points]
        if all(value is None or isinstance(value, (int, float)) for value in values):
            return numpy.array([numpy.nan if value is None else value for value in values], numpy.float64)
        return numpy.array(values, object)

    def front(self, objectives: Sequence[str] = ("latency_ms", "dsp", "bram18k")) -> "SweepResult":
        """The points that no other one is better than or as good as in everything: a SweepResult. Less is better."""
        done = [point for point in self.points if point["state"] == "done"]
        values = numpy.array([[point[name] for name in objectives] for point in done], numpy.float64)
        better = [((values <= row).all(axis=1) & (values < row).any(axis=1)).any() for row in values]
        return SweepResult(self.axes, [point for point, beaten in zip(done, better) if not beaten], self.file)

    def to_frame(self) -> Any:
        """A pandas.DataFrame, a row a point and a column an axis."""
        import pandas

        return pandas.DataFrame(self.points)
