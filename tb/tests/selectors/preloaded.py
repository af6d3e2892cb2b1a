"""Scripts as programs of their own, without the start of one: Python, PyTorch, NumPy and Pillow are loaded once, here, and each
call is a fork. Import before anything that computes with PyTorch: a fork has no threads but its own. sys.argv, the environment,
the output and the exit code are a program's; of our modules none is loaded, whatever the test has imported."""

import gc
import os
import runpy
import sys
import tempfile
import traceback

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as heatvit_training.runtime, which is too late in a fork
import numpy  # noqa: E402, F401
import PIL.Image  # noqa: E402, F401
import torch  # noqa: E402, F401

OURS = ("heatvit", "heatvit_training", "latency_table")


def _program(script, arguments, environment):
    """In the fork: the exit code."""
    for name in [name for name in sys.modules if name.split(".")[0] in OURS]:
        del sys.modules[name]
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = [script, *arguments]
    sys.path[:] = [os.path.dirname(script), *_path]
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)
        return 1
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def run(script, *arguments, environment=None):
    """(exit code, standard output, standard error)."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as error:
        sys.stdout.flush()
        sys.stderr.flush()
        child = os.fork()
        if child == 0:
            code = 1
            try:
                os.dup2(out.fileno(), 1)
                os.dup2(error.fileno(), 2)
                code = _program(script, arguments, os.environ.copy() if environment is None else environment)
                sys.stdout.flush()
                sys.stderr.flush()
            finally:
                os._exit(code)  # without what the test does at its own end
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        out.seek(0)
        error.seek(0)
        return code, out.read(), error.read()


_path = [folder for folder in sys.path[1:] if folder not in os.environ.get("PYTHONPATH", "").split(os.pathsep)]  # a script's, but for its own
_bytecode = tempfile.TemporaryDirectory()  # our modules are compiled once, and not into the checkout
sys.pycache_prefix, sys.dont_write_bytecode = _bytecode.name, False
gc.collect()
gc.freeze()  # pages that are not collected stay shared
