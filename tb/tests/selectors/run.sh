#!/bin/sh
# Runs a Python test of models/selectors: run.sh FILE ARGUMENTS... Exit code 77 (skipped) without PyTorch.
look='import sys; from importlib.util import find_spec; sys.exit(not all(map(find_spec, ("torch", "numpy", "PIL"))))'
if ! /usr/bin/python3 -c "$look" 2> /dev/null; then
  echo "skipped: needs python3-torch, python3-numpy and python3-pil"
  exit 77
fi
exec /usr/bin/python3 -B "$@"
