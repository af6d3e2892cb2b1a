#!/usr/bin/env bash
# Installs and builds what the tests need, then runs all of them. Arguments go to ctest:
#   ./run_tests.sh        ./run_tests.sh -R cli
set -euo pipefail
home=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
program=run_tests.sh
export HEATVIT_HOME=$home
. "$home/cmake/bootstrap.sh"

package_of[/usr/include/gtest/gtest.h]=libgtest-dev
package_of[/usr/include/gmock/gmock.h]=libgmock-dev
need_packages
build tests all -DCMAKE_BUILD_TYPE=Release -DHEATVIT_TESTS=ON
exec ctest --test-dir "$home/build/tests" -j2 --output-on-failure "$@"
