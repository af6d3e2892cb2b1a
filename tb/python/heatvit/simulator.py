"""Networks on hardware."""

import collections
import os
import threading
import typing
from typing import Any, Callable, Dict, List, Optional, Sequence, Union

import numpy

from . import _native, program
from .errors import InputError, SimulationError
from .results import RunResult

Path = Union[str, "os.PathLike[str]"]
Hardware = Dict[str, Union[str, int, float]]
Images = Union[numpy.ndarray, Path, Sequence[Union[numpy.ndarray, Path]]]

_MODES = ("functional", "timing", "analytic", "float")


def _pixels(image, name):
    array = numpy.asarray(image)
    if array.dtype != numpy.uint8:
        raise InputError(f"{name}: pixels are uint8, 0 to 255; these are {array.dtype}")
    if array.ndim != 3 or array.shape[2] != 3:
        raise InputError(f"{name}: an image is an array (height, width, 3); this is {array.shape}")
    return array


def _is_path(value):
    return isinstance(value, (str, os.PathLike))


def _kept(row):
    """(counts, patches) of an image: one of them empty."""
    stages = [numpy.asarray(stage) for stage in row]
    if all(stage.ndim == 0 for stage in stages):
        return [int(stage) for stage in stages], []
    lists = [numpy.flatnonzero(stage) if stage.dtype == bool else stage for stage in stages]
    return [], [[int(patch) for patch in stage.ravel()] for stage in lists]


class Question(typing.NamedTuple):
    """What `decide` is asked at a selector of an image.

    image    its place in the run
    block    that the selector stands before (evit: that it is in), from 1
    patches  (n,) int64: the candidates, rising; with evit the fused token of the selector before it behind the patches
    scores   (n,) uint32: theirs, by the scorer whose commands run: heatvit's keep scores (65536 is 1), the CLS attention
             summed over the heads (65536 a head), or zeros
    tokens   (n, dim) int16: their rows of the residual stream, before the selector
    unit     what a step of `tokens` is
    """

    image: int
    block: int
    patches: numpy.ndarray
    scores: numpy.ndarray
    tokens: numpy.ndarray
    unit: float


class Simulator:
    """A network on an accelerator.

    model     a name (`heatvit.models()`), a description FILE.json, or None where the weights say it
    weights   safetensors, a folder of a checkpoint, a file of `run_sim quantize`, or "synthetic:1"; deit-micro has its own
    hardware  {"pe.to": 32, "pl.clock_mhz": 200}: any key of `heatvit.parameters()`
    prune_rates, scorer, selectors, selector_weights, calibrate, config, device, batch, seed, class_list, ...
              the options of `run_sim run` (docs/cli.md) with underscores; lists as lists

    What is wrong raises heatvit.InputError at the first run. A process a mode is forked then, reads the model and elaborates
    the hardware; it stays, so that later runs cost their simulation alone. close(), or the end of a `with`, ends it.

        with heatvit.Simulator("deit-t", weights="W.safetensors", prune_rates=[.3, .51, .657]) as sim:
            result = sim.run(images)
    """

    def __init__(self, model: Optional[Path] = None, weights: Optional[Path] = None, hardware: Optional[Hardware] = None, *,
                 mode: Optional[str] = None, jobs: int = 1, **options: Any) -> None:
        """mode: functional, timing, analytic or float; default: functional with images, else timing. jobs: processes that
        share the images of a run; changes no result."""
        if mode is not None and mode not in _MODES:
            raise InputError(f"mode: '{mode}' is not allowed; allowed: {', '.join(_MODES)}")
        self._model, self._weights, self._hardware, self._mode = model, weights, dict(hardware or {}), mode
        self._jobs, self._options, self._designs = _jobs(jobs), options, {}

    def __enter__(self) -> "Simulator":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def close(self) -> None:
        """Ends the processes. A later run starts new ones."""
        for design in self._designs.values():
            design.close()
        self._designs = {}

    def _words(self, mode, **more):
        options = {**self._options, **more}
        if mode in ("functional", "float"):
            options["weights"] = self._weights
        else:  # has no effect there
            for name in ("calibrate", "delta1", "delta2", "mean", "std", "crop", "interpolation", "selector_weights", "class_list"):
                options.pop(name, None)
        return program.words(self._model, self._hardware, mode=mode, **options)

    @staticmethod
    def _asking(decide):
        """The callable as the native half calls it: numbers in, patches out, checked."""

        def ask(image, block, patches, scores, tokens, unit):
            question = Question(image, block, patches.astype(numpy.int64), scores, tokens, unit)
            stay = numpy.asarray(decide(question))
            if stay.dtype == bool:
                if stay.shape != patches.shape:
                    raise InputError(f"decide: a mask of {stay.shape} for {patches.shape} tokens")
                stay = patches[stay]
            if stay.size and not numpy.isin(stay, patches).all():
                raise InputError("decide: patches that are not among those left")
            return [int(patch) for patch in numpy.unique(stay)]

        return ask

    def _design(self, mode, traced=False):
        if (mode, traced) not in self._designs:
            self._designs[mode, traced] = _native.Design(self._words(mode), mode in ("functional", "float"), traced, program.home())
        return self._designs[mode, traced]

    def run(self, images: Optional[Images] = None, *, labels: Optional[Sequence[int]] = None, transform: Optional[bool] = None,
            kept: Optional[Sequence[Sequence[Any]]] = None,
            decide: Optional[Callable[["Question"], Any]] = None, jobs: Optional[int] = None) -> RunResult:
        """Runs images, or without any the timing alone. Returns a RunResult.

        images     uint8 (N, height, width, 3), RGB; or a list of such arrays (height, width, 3) and paths; or a path; or a
                   folder, whose images are taken sorted by name
        labels     N classes
        transform  of arrays: True resizes and crops them as files are; False takes them as the network's input, whose size
                   they must have; default: False where they have that size, else True
        kept       who stays, decided by you: N lists of (a list of patches, or a mask (patches,) of bool, a selector); in
                   timing and analytic mode (N, selectors) counts will do. What choosing costs says `scorer`: "none" (the
                   default with images), "cls-attention", "evit" or "heatvit", which is computed and not obeyed
        decide     a callable that is asked at every selector of every image: decide(Question) returns the patches that
                   stay, or a mask of the candidates (n,) of bool; in one process. What it costs says `scorer`, as above
        jobs       in place of the simulator's
        """
        mode = self._mode or ("timing" if images is None else "functional")
        jobs = self._jobs if jobs is None else _jobs(jobs)
        with_images = mode in ("functional", "float")
        if with_images and images is None:
            raise InputError(f"{mode} mode needs images")
        if not with_images and images is not None:
            raise InputError(f"{mode} mode takes no images")
        if images is None and (labels is not None or transform is not None):
            raise InputError("labels and transform: no effect without images")
        if decide is not None and (mode != "functional" or kept is not None):
            raise InputError("decide: needs functional mode, and no kept=, which decides as well")
        items = [] if images is None else self._items(images, labels)
        if kept is not None:
            rows = [_kept(row) for row in kept]
            if images is None:
                items = [(str(place), None, -1) for place in range(len(rows))]
            if len(rows) != len(items):
                raise InputError(f"kept: {len(rows)} rows for {len(items)} images; one an image is needed")
            items = [item + row for item, row in zip(items, rows)]
        else:
            items = [(*item, [], []) for item in items]
        design = self._design(mode, kept is not None or decide is not None)
        return self._answer(design, items, jobs, transform, None if decide is None else self._asking(decide))

    @staticmethod
    def _answer(design, items, jobs, transform=None, decide=None):
        report, logits, unit, warnings = design.run(items, jobs, transform, decide)
        program.warn(warnings)
        return RunResult(report, logits if logits is None or logits.dtype != numpy.int32 else logits * unit)

    @staticmethod
    def _items(images, labels):
        if _is_path(images):
            images = folder_images(images) if os.path.isdir(images) else [images]
        images = list(images)
        if not images:
            raise InputError("images: there is none")
        if labels is None:
            labels = [-1] * len(images)
        labels = numpy.asarray(labels)
        if labels.shape != (len(images),):
            raise InputError(f"labels: {labels.shape} for {len(images)} images; one class an image is needed")
        items = []
        for place, (image, label) in enumerate(zip(images, labels.tolist())):
            if _is_path(image):
                items.append((os.path.basename(os.fspath(image)), os.fspath(image), int(label)))
                continue
            name = f"image {place}"
            items.append((name, _pixels(image, name), int(label)))
        return items

    def latency(self) -> float:
        """Mean latency in ms of a run without images."""
        return float(self.run().summary["latency_ms"]["mean"])


def folder_images(folder: Path) -> List[str]:
    """The images of a folder, sorted by name, as `run_sim --images` takes them."""
    return [os.fsdecode(path) for path in _native.folder_images(os.fsencode(folder))]


def describe(model: Optional[Path] = None, **options: Any) -> Dict[str, Any]:
    """The description of a network as a dict (docs/networks.md): of a name, a FILE.json, or of `weights=`."""
    import json

    return json.loads(_native.describe(program.words(model, **options), program.home()))


def quantize(model: Optional[Path] = None, weights: Optional[Path] = None, *, out: Path, hardware: Optional[Hardware] = None,
             **options: Any) -> None:
    """Writes the quantised model that the accelerator runs: the `weights` of later runs (docs/quantisation.md).

        heatvit.quantize("deit-t", "W.safetensors", selector_weights="deit-t@50", out="deit-t-int8.safetensors")

    calibrate, ranges_out, selector_weights, ...: the options of `run_sim quantize` with underscores
    """
    program.call("quantize", *program.words(model, hardware, weights=weights, out=out, **options))


# Designs that latency() was asked for stay warm for a while.
_KEPT_DESIGNS = 4
_warm = collections.OrderedDict()
_lock = threading.Lock()


def _warm_design(line):
    key = tuple(line)
    with _lock:
        design = _warm.pop(key, None) or _native.Design(line, False, False, program.home())
        _warm[key] = design
        gone = [_warm.popitem(last=False)[1] for _ in range(len(_warm) - _KEPT_DESIGNS)]
    for old in gone:
        old.close()
    return design


def latency(model: Path, hardware: Union[None, Hardware, Sequence[Hardware]] = None, *, jobs: int = 1, mode: str = "timing",
            **options: Any) -> Union[float, numpy.ndarray]:
    """Latency in ms without images: a float, or (n,) float64 where `hardware` is a list of n designs.

        heatvit.latency("deit-s", prune_rates=[.3, .51, .657])
        heatvit.latency("deit-s", [{"pl.clock_mhz": mhz} for mhz in (100, 150, 200)], jobs=2)

    A list is simulated in `jobs` processes of the pool, a process a design. mode: timing or analytic. A call may be made in
    any thread; the last few designs stay warm.
    """
    if hardware is None or isinstance(hardware, dict):
        if mode == "timing" and jobs == 1:
            line = program.words(model, hardware, mode=mode, **options)
            milliseconds, warnings = _warm_design(line).latency()
            program.warn(warnings)
            return milliseconds
        return float(latency(model, [hardware or {}], jobs=jobs, mode=mode, **options)[0])
    lines = [program.words(model, design, mode=mode, **options) for design in hardware]
    outcomes = _native.latencies(lines, _jobs(jobs), program.home())
    for place, outcome in enumerate(outcomes):
        if isinstance(outcome, tuple):
            text, by_input = outcome
            raise (InputError if by_input else SimulationError)(f"design {place}: {text}")
    return numpy.array(outcomes, numpy.float64)


def _jobs(jobs):
    if isinstance(jobs, bool) or not isinstance(jobs, (int, numpy.integer)) or not 1 <= jobs <= 256:
        raise InputError(f"jobs: '{jobs}' is not allowed; allowed: 1 to 256")
    return int(jobs)
