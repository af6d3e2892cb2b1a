#!/usr/bin/env bash
# Holds the code to what the release tests do not see: format, clang-tidy, tests with AddressSanitizer and
# UndefinedBehaviorSanitizer, fuzz targets, short campaigns, and that no test was skipped quietly. Installs and builds what it needs.
#   ./run_checks.sh                   all checks, the sanitizers on the tests that matter most
#   ./run_checks.sh tidy fuzz         some of: format tidy sanitizers fuzz campaigns skips
#   ./run_checks.sh --all             with the static analyzer, and every test under the sanitizers
#   HEATVIT_FUZZ_SECONDS=600 ./run_checks.sh fuzz    longer than a minute each
#   HEATVIT_CHECKS_MINUTES=20 ./run_checks.sh        no check begins after 20 minutes; what is left out is said
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"  # "sh run_checks.sh" is dash on Debian
set -euo pipefail
home=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
program=run_checks.sh
export HEATVIT_HOME=$home
. "$home/cmake/bootstrap.sh"

all='' checks=()
for word; do
  case $word in
    --all) all=--all ;;
    format | tidy | sanitizers | fuzz | campaigns | skips) checks+=("$word") ;;
    *) echo "$program: error: '$word' is none of --all format tidy sanitizers fuzz campaigns skips" >&2; exit 2 ;;
  esac
done
((${#checks[@]})) || checks=(format tidy sanitizers skips campaigns fuzz)

package_of[/usr/include/gtest/gtest.h]=libgtest-dev
package_of[/usr/include/gmock/gmock.h]=libgmock-dev
package_of[/usr/lib/llvm-14/include/clang-c/Index.h]=libclang-14-dev
package_of[/usr/bin/clang++-14]=clang-14
package_of[/usr/bin/clang-tidy-14]=clang-tidy-14
package_of[/usr/bin/clang-format-14]=clang-format-14
package_of[/usr/lib/llvm-14/lib/clang/14.0.6/lib/linux/libclang_rt.fuzzer-x86_64.a]=libclang-rt-14-dev
need_packages

# One build with clang serves clang-tidy, sanitizers and fuzz targets.
folder=$home/build/checks
configure() {
  cmake -S "$home" --preset checks >"$folder.log" 2>&1 || { tail -n 20 "$folder.log"; return 1; }
}
build_checks() {
  ninja -C "$folder" "$@" >"$folder.log" 2>&1 && return 0
  echo "the joined sources do not build (build/checks.log); building them one by one, which takes longer"
  cmake -S "$home" --preset checks -DCMAKE_UNITY_BUILD=OFF >/dev/null
  ninja -C "$folder" "$@" >"$folder.log" 2>&1 || { grep -A12 -m3 'error:\|FAILED' "$folder.log"; return 1; }
}

# Tests of everything that reads what a person hands in, computes addresses or moves bytes. The rest with --all: it
# runs the same code for longer.
tests_that_matter=(weights preprocess isa kernels host hls dataflow soc memory quant tb)
# Of them, left to --all: they run whole networks in float or a million requests, a minute each under the sanitizers.
slow_tests='quant[.](Real|ShippedCalibration|Prepare[.](Synthetic|Random)|ModelFile[.]LoadsBitIdenticalForEvery)|memory[.]Reference[.]TotalTimes'

check_format() { "$home/tb/tests/format.sh"; }
check_tidy() { python3 "$home/tb/tests/tidy.py" "$folder" $all; }
check_sanitizers() {
  local targets=(all) only=()
  if [[ -z $all ]]; then
    targets=("${tests_that_matter[@]/#/test_}")
    only=(-R "^($(IFS='|'; echo "${tests_that_matter[*]}"))[.]" -E "$slow_tests")
  fi
  build_checks "${targets[@]}" || return 1
  ctest --test-dir "$folder" -j2 --output-on-failure --test-output-size-passed 65536 "${only[@]}" \
    --output-junit "$folder/results.xml" >"$folder.log" 2>&1 || { grep -v ' Passed \|Start ' "$folder.log" | tail -n 80; return 1; }
  grep 'tests passed' "$folder.log"
}
check_fuzz() {
  build_checks fuzzers || return 1
  "$home/tb/tests/fuzz/fuzz.sh" "$folder/fuzz" "${HEATVIT_FUZZ_SECONDS:-60}"
}
# With the sanitizers, so that what a mutated file does to memory ends the run. Processes of SystemC never return: what
# lies on their stacks at the end is no leak.
check_campaigns() {
  build_checks campaign_server || return 1
  ASAN_OPTIONS=detect_stack_use_after_return=0:detect_leaks=0 python3 "$home/tb/tests/campaign/campaign.py" "$folder/bin/campaign_server" options files --count 1000 --seconds 60
}
check_skips() {
  local results=() file
  for file in "$home"/build/{tests,checks}/results.xml; do [[ -e $file ]] && results+=("$file"); done
  ((${#results[@]})) || { echo "no results: run run_tests.sh before"; return 1; }
  "$home/tb/tests/skips.py" "$home/tb/tests/expected_skips.txt" "${results[@]}"
}

mkdir -p "$home/build"
configure
failed=() left=()
minutes=${HEATVIT_CHECKS_MINUTES:-}
for check in "${checks[@]}"; do
  begin=$SECONDS
  if [[ -n $minutes ]] && ((begin >= 60 * minutes)); then
    echo "== $check: not begun, $minutes minutes are over"
    left+=("$check")
    continue
  fi
  echo "== $check"
  "check_$check" && verdict=good || { verdict=FAILED; failed+=("$check"); }
  echo "== $check: $verdict, $((SECONDS - begin)) s"
done
((${#failed[@]} == 0)) || { echo "$program: failed: ${failed[*]}" >&2; exit 1; }
echo "$program: all good, $SECONDS s${left:+; left out for want of time: ${left[*]}}"
