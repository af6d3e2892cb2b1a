#!/usr/bin/env bash
# The documentation as HTML with search, and the API of the C++ headers: build/site/index.html. Installs what is missing.
#   docs/site/build.sh
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
set -euo pipefail
home=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.." && pwd)
program=docs/site/build.sh
. "$home/cmake/bootstrap.sh"
package_of=(
  [/usr/bin/sphinx-build]=python3-sphinx
  [/usr/lib/python3/dist-packages/myst_parser/__init__.py]=python3-myst-parser
  [/usr/lib/python3/dist-packages/furo/__init__.py]=furo
  [/usr/bin/doxygen]=doxygen
)
need_packages
cd "$home"
out=build/site
mkdir -p "$out"
sphinx-build -q -W --keep-going -c docs/site docs "$out"
version=$(sed -n 's/^project(.* VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)
{ cat docs/site/Doxyfile; echo "PROJECT_NUMBER = $version"; echo "OUTPUT_DIRECTORY = $out"; } | doxygen - >/dev/null
echo "$program: $out/index.html"
