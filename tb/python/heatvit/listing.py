"""What there is: `run_sim list`."""

import functools
import json
from typing import Any, Dict

from . import program


@functools.lru_cache(maxsize=None)
def _listing(_):
    return json.loads(program.call("list", "--json"))


def parameters() -> Dict[str, Dict[str, Any]]:
    """Every hardware parameter: {key: {"unit", "default", "help", "source", and "minimum", "maximum", "integer" or "choices"}}."""
    return {row["key"]: {k: v for k, v in row.items() if k != "key"} for row in _listing(program.home())["parameters"]}


def models() -> Dict[str, Dict[str, Any]]:
    """The networks: {name: {"depth", "dim", "heads", "mlp_hidden", "image_size", "patches", "classes", "selectors", ...}}."""
    return {row["name"]: {k: v for k, v in row.items() if k != "name"} for row in _listing(program.home())["models"]}


def devices() -> Dict[str, Dict[str, Any]]:
    """The FPGAs: {name: {section: {key: value}}}."""
    return dict(_listing(program.home())["devices"])
