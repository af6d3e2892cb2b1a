#!/usr/bin/env bash
# run_tests.sh runs all tests again where anything has changed since they passed, and only then: on a copy of the scripts, with
# programs in place of cmake, ninja and ctest that say what they were called with. run_tests.sh HOME
set -euo pipefail
home=$1
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
copy=$scratch/project
mkdir -p "$copy/cmake" "$copy/accel" "$copy/models" "$copy/tb" "$scratch/bin"
cp "$home/run_tests.sh" "$copy"
cp "$home/cmake/bootstrap.sh" "$copy/cmake"
touch "$copy/CMakeLists.txt"
sed -i 's/^need_packages$/:/; s/^attempt .*/:/' "$copy/run_tests.sh"
for name in cmake ninja; do printf '#!/bin/sh\nexit 0\n' >"$scratch/bin/$name"; done
printf '#!/bin/sh\necho "ctest $*" >>%s/calls\nexit $(cat %s/code)\n' "$scratch" "$scratch" >"$scratch/bin/ctest"
chmod +x "$scratch"/bin/*
export PATH=$scratch/bin:$PATH

# expect WHAT CODE RUNS ARGUMENT...: the exit code, and whether ctest was called (0, 1).
expect() {
  local what=$1 code=$2 runs=$3 got=0
  shift 3
  : >"$scratch/calls"
  "$copy/run_tests.sh" "$@" >"$scratch/said" 2>&1 || got=$?
  if [[ $got != "$code" || $(wc -l <"$scratch/calls") != "$runs" ]]; then
    echo "$what: exit code $got, calls:"
    cat "$scratch/calls" "$scratch/said"
    exit 1
  fi
}

echo 1 >"$scratch/code"
expect "the first run, which fails" 1 1
expect "after one that failed" 1 1
echo 0 >"$scratch/code"
expect "after it was mended" 0 1
expect "unchanged" 0 0
grep -q "nothing has changed since; --again" "$scratch/said"
expect "unchanged, asked for" 0 1 --again
expect "some tests" 0 1 -R cli
grep -q -- "-R cli" "$scratch/calls"
echo "x" >"$copy/models/picture.bin"
expect "a file more" 0 1
expect "unchanged" 0 0
echo "y" >"$copy/models/picture.bin"
expect "another content" 0 1
HEATVIT_KERNELS=portable expect "another setting" 0 1
mkdir -p "$scratch/shared/data"
echo "z" >"$scratch/shared/data/labels.csv"
expect "data beside the project" 0 1
mkdir "$scratch/elsewhere"
HEATVIT_DATA=$scratch/elsewhere expect "data elsewhere" 0 1
HEATVIT_DATA=$scratch/elsewhere expect "unchanged" 0 0
echo "z" >"$scratch/elsewhere/labels.csv"
HEATVIT_DATA=$scratch/elsewhere expect "more data elsewhere" 0 1
echo 1 >"$scratch/code"
echo "w" >"$copy/models/picture.bin"
expect "a change that fails" 1 1
echo "y" >"$copy/models/picture.bin"
expect "taken back: the last run failed" 1 1
