#!/usr/bin/env bash
# Installs and builds what the tests need, then runs all of them, unless all have passed and nothing has changed since.
#   ./run_tests.sh
#   ./run_tests.sh --again         all of them in any case
#   ./run_tests.sh -R cli          arguments go to ctest
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"  # "sh run_tests.sh" is dash on Debian
set -euo pipefail
home=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
program=run_tests.sh
export HEATVIT_HOME=$home
. "$home/cmake/bootstrap.sh"

package_of[/usr/include/gtest/gtest.h]=libgtest-dev
package_of[/usr/include/gmock/gmock.h]=libgmock-dev
package_of[/usr/lib/llvm-14/include/clang-c/Index.h]=libclang-14-dev
package_of[/usr/bin/clang-format-14]=clang-format-14
need_python
need_packages
# Tests that skip themselves without these: worth an attempt, not an error.
attempt() {  # PROGRAM PACKAGE...
  if ((EUID != 0)) || command -v "$1" >/dev/null || ! command -v apt-get >/dev/null; then return; fi
  mkdir -p "$home/build"
  DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${@:2}" >>"$home/build/install.log" 2>&1 || true
}
attempt slurmctld slurm-wlm munge                                                         # job arrays
attempt aarch64-linux-gnu-gcc gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user       # the board's programs
attempt make make                                                                         # what Verilator builds with
attempt verilator verilator                                                               # RTL of the units
attempt yosys yosys                                                                       # DSP slices
attempt tclsh tcl                                                                         # the vendor's scripts
build tests all -DCMAKE_BUILD_TYPE=Release -DHEATVIT_TESTS=ON -DHEATVIT_PYTHON=ON

# What the results depend on: every file of the project, the machine's packages and processor, settings, and the data, wherever
# HEATVIT_DATA has them.
fingerprint() {
  (
    set +e  # what is not there is no error
    cd "$home"
    find . \( -path ./build -o -path ./.git -o -name __pycache__ \) -prune -o -type f -print0 | sort -z | xargs -0 sha256sum
    sha256sum /var/lib/dpkg/status 2>/dev/null
    grep -m 2 -E '^(model name|flags)' /proc/cpuinfo
    env | grep -E '^(HEATVIT_|CC=|CXX=|CXXFLAGS=)' | sort
    find -L "${HEATVIT_DATA:-../shared/data}" -type f -printf '%p %s %T@\n' 2>/dev/null | sort
    true
  ) | sha256sum
}

passed=$home/build/tests/passed
again=false
if [[ ${1:-} == --again ]]; then again=true && shift; fi
if (($#)); then exec ctest --test-dir "$home/build/tests" -j2 --output-on-failure "$@"; fi
before=$(fingerprint)
if ! $again && [[ -e $passed && $(<"$passed") == "$before" ]]; then
  echo "$program: all tests passed on $(date -r "$passed" '+%F %R'), and nothing has changed since; --again runs them"
  exit 0
fi
rm -f "$passed"
# run_checks.sh judges what was skipped by the results of a whole run.
ctest --test-dir "$home/build/tests" -j2 --output-on-failure --test-output-size-passed 65536 --output-junit "$home/build/tests/results.xml"
echo "$before" >"$passed"  # of before the run: a file changed during it counts as newer
