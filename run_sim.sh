#!/usr/bin/env bash
# Runs the simulator: installs and builds what is missing first, silently skips both when nothing is.
#   ./run_sim.sh --model deit-s --prune-rates 0.3,0.51,0.657        ./run_sim.sh --help
#   ./run_sim.sh python SCRIPT ARGUMENTS        Python with the package heatvit (docs/python.md)
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"  # "sh run_sim.sh" is dash on Debian
set -euo pipefail
home=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
program=run_sim.sh
export HEATVIT_HOME=$home
. "$home/cmake/bootstrap.sh"

ignored_folders+=(-o -name tests -o -name bench)
if [[ ${1:-} == python ]]; then
  shift
  need_python
  need_packages
  build python heatvit_python -DCMAKE_BUILD_TYPE=Release -DHEATVIT_TESTS=OFF -DHEATVIT_PYTHON=ON
  export PYTHONPATH=$home/build/python/python${PYTHONPATH:+:$PYTHONPATH}
  exec /usr/bin/python3 "$@"
fi
need_packages
build run_sim run_sim -DCMAKE_BUILD_TYPE=Release -DHEATVIT_TESTS=OFF
exec "$home/build/run_sim/bin/run_sim" "$@"
