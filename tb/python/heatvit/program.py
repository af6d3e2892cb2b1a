"""From keywords to the program's words, and where its files are."""

import os
import pathlib
import warnings as python_warnings

from . import _native
from .errors import HeatvitWarning, InputError


def _is_home(folder):
    return (folder / "configs").is_dir() and (folder / "models" / "zoo").is_dir()


def home():
    """The folder with configs/ and models/: HEATVIT_HOME, else that of the installation or of the sources."""
    if os.environ.get("HEATVIT_HOME"):
        return os.environ["HEATVIT_HOME"]
    here = pathlib.Path(__file__).resolve()
    candidates = [here.parent / "share", *(above / "share" / "heatvit" for above in here.parents), *here.parents]
    for folder in candidates:
        if _is_home(folder):
            return str(folder)
    raise InputError("cannot find configs/ and models/zoo/ beside the package; set HEATVIT_HOME to the project's folder")


def warn(texts):
    for text in texts:
        python_warnings.warn(text, HeatvitWarning, stacklevel=4)


def call(*arguments):
    """What `run_sim ARGUMENTS` prints. Raises what it complains about."""
    text, _, texts = _native.call([str(word) for word in arguments], home())
    warn(texts)
    return text


def text_of(value):
    """A value as one types it: lists with commas, None as none."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, (list, tuple)) or (hasattr(value, "tolist") and getattr(value, "ndim", 0) > 0):
        return ",".join(text_of(part) for part in value)
    if hasattr(value, "item"):  # NumPy's scalars
        value = value.item()
    return repr(value) if isinstance(value, float) else str(value)


# Repeatable options of the program.
_REPEATED = ("config",)


def words(model=None, hardware=None, **options):
    """The command line that says the same: `prune_rates=[.3, .5, .7]` is `--prune-rates 0.3,0.5,0.7`."""
    line = [] if model is None else ["--model", os.fspath(model)]
    for name, value in options.items():
        option = "--" + name.replace("_", "-")
        if value is None or value is False:
            continue
        if value is True:
            line.append(option)
        elif name in _REPEATED and isinstance(value, (list, tuple)):
            for part in value:
                line += [option, os.fspath(part)]
        else:
            line += [option, os.fspath(value) if isinstance(value, os.PathLike) else text_of(value)]
    for key, value in (hardware or {}).items():
        line += ["--" + key, text_of(value)]
    return line
