#!/usr/bin/env bash
# Runs fuzz targets: fuzz.sh BINARIES SECONDS [TARGET...], two at a time. Seeds are files of the project and of corpus/; what
# is learned stays in BINARIES/corpus. The seed is 1 unless HEATVIT_FUZZ_SEED says another: from an empty corpus a finding
# comes back. Exit code 1, with the input that does it, where a target crashes, hangs or leaks.
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
home=$(cd "$here/../../.." && pwd)
export HEATVIT_HOME=$home ASAN_OPTIONS=detect_stack_use_after_return=0
binaries=$1 seconds=$2
shift 2
targets=("$@")
((${#targets[@]})) || mapfile -t targets < <(cd "$here" && ls fuzz_*.cpp | sed 's/^fuzz_//; s/\.cpp$//')

# with_first_byte BYTE FILES...: copies of the files behind a byte that chooses what a target does with them.
with_first_byte() {
  local byte=$1 file
  shift
  for file; do { printf "$byte"; head -c 3000 "$file"; } >"$seeds/$(basename "$file").$((RANDOM))"; done
}

make_seeds() {
  seeds=$binaries/seeds/$1
  rm -rf "$seeds" && mkdir -p "$seeds"
  [[ -d $here/corpus/$1 ]] && cp "$here/corpus/$1"/* "$seeds"
  case $1 in
    config) cp "$home"/configs/*.ini "$home"/configs/ddr/*.ini "$seeds" ;;
    sweep) cp "$home"/configs/sweeps/*.ini "$seeds" ;;
    csv) with_first_byte '\0' "$home"/traces/*.csv; with_first_byte '\1' "$home"/models/zoo/micro/labels.csv ;;
    checkpoint)
      for byte in 0 1 2 3; do echo '{"model_type": "vit", "hidden_size": 2, "weight_map": {"a": "model.safetensors"}}' >"$seeds/word"
        with_first_byte "\\$byte" "$seeds/word"; done ;;
    network) cp "$home"/models/zoo/*.json "$seeds" ;;
    memory_trace) with_first_byte '\0' "$home"/traces/*.trace; with_first_byte '\1' "$home"/traces/*.trace ;;
  esac
}

run_target() {
  local target=$1 options=(-seed="${HEATVIT_FUZZ_SEED:-1}" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -max_len=8192 -print_final_stats=1)
  make_seeds "$target"
  case $target in
    board | checkpoint | network | ranges | result | token_trace) options+=(-dict="$here/json.dict") ;;
    *) [[ -e $here/fuzz_$target.dict ]] && options+=(-dict="$here/fuzz_$target.dict") ;;
  esac
  mkdir -p "$binaries/corpus/$target"
  (cd "$binaries" && "./fuzz_$target" "${options[@]}" -artifact_prefix="$binaries/$target-" "corpus/$target" "seeds/$target") \
    >"$binaries/$target.log" 2>&1
  local code=$? runs
  runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$binaries/$target.log")
  if ((code == 0)); then
    echo "fuzz $target: ${runs:-?} inputs"
  else
    tail -n 60 "$binaries/$target.log"
    echo "fuzz $target: failed; the input: $(ls "$binaries/$target"-* 2>/dev/null | tail -n 1)"
    return 1
  fi
}

failed=0
while ((${#targets[@]})); do
  pids=()
  for target in "${targets[@]:0:2}"; do run_target "$target" & pids+=($!); done
  for pid in "${pids[@]}"; do wait "$pid" || failed=1; done
  targets=("${targets[@]:2}")
done
exit $failed
