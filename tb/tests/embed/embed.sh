#!/usr/bin/env bash
# Builds consumer/ as somebody else would and compares the cycles that it prints with run_sim's.
#   embed.sh find_package BUILD_FOLDER         installs that build; the consumer and the installed program use it
#   embed.sh add_subdirectory BUILD_FOLDER     the consumer builds the libraries that it needs by itself, without -O
set -euo pipefail
variant=$1 build=$2
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source=$(cd "$here/../../.." && pwd)
work=$(mktemp -d)  # outside the project: nothing may be found by walking up from here
trap 'rm -rf "$work"' EXIT
unset HEATVIT_HOME

options=(-G Ninja -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_FLAGS_DEBUG=-O0)
program=$build/bin/run_sim
if [[ $variant == find_package ]]; then
  cmake --install "$build" --prefix "$work/installed" >"$work/install.log"
  program=$work/installed/bin/run_sim
  options+=(-DCMAKE_PREFIX_PATH="$work/installed")
else
  options+=(-DHEATVIT_SOURCE="$source")
  if command -v ccache >/dev/null; then
    export CCACHE_BASEDIR=$work CCACHE_NOHASHDIR=1
    options+=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
  fi
fi

if ! { cmake -S "$here/consumer" -B "$work/build" "${options[@]}" && ninja -C "$work/build" -j2 consumer; } \
  >"$work/build.log" 2>&1; then
  tail -n 40 "$work/build.log"
  echo "embed: the consumer did not build"
  exit 1
fi
if grep -E '"command".*main\.cpp' "$work/build/compile_commands.json" | grep -E -e '-Werror|-march|-Wconversion|-O3'; then
  echo "embed: the consumer is compiled with flags of ours"
  exit 1
fi

cd "$work"
cycles=$("$work/build/consumer")
"$program" --model deit-micro --scorer none --json "$work/run.json" >"$work/run.log"
expected=$(sed -nE 's/^ *"cycles": ([0-9]+),?$/\1/p' "$work/run.json" | head -n 1)
echo "consumer: $cycles cycles, $program: ${expected:-?}"
[[ $cycles == "$expected" ]]
