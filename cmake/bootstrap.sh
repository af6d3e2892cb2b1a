# shellcheck shell=bash disable=SC2154
# Shared by run_sim.sh and run_tests.sh (sourced): packages, and a build that costs nothing when nothing changed.
# The caller sets `home`, the project's root, and `program`, its own name for messages.

# What must be there, and the Debian package that has it. Looked up by file: a package manager takes half a second.
declare -A package_of=(
  [/usr/bin/g++]=g++
  [/usr/bin/cmake]=cmake
  [/usr/bin/ninja]=ninja-build
  [/usr/bin/pkg-config]=pkg-config
  [/usr/include/systemc]=libsystemc-dev
  [/usr/include/boost/program_options.hpp]=libboost-program-options-dev
  [/usr/include/spdlog/spdlog.h]=libspdlog-dev
  [/usr/include/nlohmann/json.hpp]=nlohmann-json3-dev
  [/usr/include/jpeglib.h]=libjpeg62-turbo-dev
  [/usr/include/png.h]=libpng-dev
  [/usr/include/webp/decode.h]=libwebp-dev
  [/usr/share/doc/libtiff-dev/copyright]=libtiff-dev  # its header is in a folder of the architecture
  [/usr/include/stb/stb_image.h]=libstb-dev
  [/usr/share/javascript/chart.js/chart.min.js]=libjs-chart.js
  [/usr/include/sqlite3.h]=libsqlite3-dev
  [/usr/include/pagmo/pagmo.hpp]=libpagmo-dev
)

# What the Python package needs beyond that.
need_python() {
  package_of[/usr/bin/python3]=python3
  package_of[/usr/bin/python3-config]=python3-dev
  package_of[/usr/include/pybind11/pybind11.h]=pybind11-dev
  package_of[/usr/lib/python3/dist-packages/numpy/__init__.py]=python3-numpy
}

# Installs what is missing; where that is not possible, says what to type and exits with 2.
need_packages() {
  local file missing=()
  for file in "${!package_of[@]}"; do
    [[ -e $file ]] || command -v "${file##*/}" >/dev/null || missing+=("${package_of[$file]}")
  done
  ((${#missing[@]})) || return 0

  local as_root=()
  if ((EUID != 0)); then as_root=(sudo -n); fi
  if ! command -v apt-get >/dev/null || { ((EUID != 0)) && ! sudo -n true 2>/dev/null; }; then
    echo "$program: error: packages are missing; run: sudo apt-get install -y --no-install-recommends ${missing[*]}" >&2
    exit 2
  fi
  local log=$home/build/install.log
  mkdir -p "$home/build"
  echo "$program: installing ${missing[*]} (log: build/install.log)" >&2
  local install=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}")
  # The package lists of a fresh machine are empty or old; fetching them is slow, so first try without.
  if ! "${install[@]}" >"$log" 2>&1 && ! { "${as_root[@]}" apt-get update && "${install[@]}"; } >>"$log" 2>&1; then
    tail -n 5 "$log" >&2
    echo "$program: error: installing failed; run: sudo apt-get install -y --no-install-recommends ${missing[*]}" >&2
    exit 2
  fi
}

# Folders that the build does not read.
ignored_folders=(-name __pycache__ -o -name selectors)

# is_current STAMP: nothing that the build reads is newer. Folders count: a file that is gone changes its folder.
is_current() {
  [[ -e $1 ]] && [[ -z $(find "$home/CMakeLists.txt" "$home/cmake" "$home/accel" "$home/models" "$home/tb" \
    \( "${ignored_folders[@]}" \) -prune -o \
    -newer "$1" \( -type d -o -name '*.h' -o -name '*.c' -o -name '*.cpp' -o -name '*.js' -o -name '*.css' -o -name '*.cmake' -o -name CMakeLists.txt \) \
    -print -quit) ]]
}

# build FOLDER TARGET CMAKE_OPTIONS...: configures and builds below build/, one process at a time, unless current. Sources are
# joined, which takes two fifths off a build from nothing.
build() {
  local folder=$home/build/$1 target=$2
  shift 2
  local stamp=$folder/.built log=$folder.log
  is_current "$stamp" && return 0
  mkdir -p "$folder"
  (
    flock 9
    is_current "$stamp" && exit 0  # somebody else has built it meanwhile
    echo "$program: building (a few minutes the first time; log: ${log#"$home"/})" >&2
    touch "$stamp.new"  # dated before the build, so that a file changed during it counts as newer
    if ! { cmake -S "$home" -B "$folder" -G Ninja -DCMAKE_UNITY_BUILD=ON -DCMAKE_UNITY_BUILD_BATCH_SIZE=24 "$@" && ninja -C "$folder" "$target"; } >"$log" 2>&1; then
      tail -n 40 "$log" >&2
      echo "$program: error: the build failed; the whole log is ${log#"$home"/}" >&2
      exit 1
    fi
    mv "$stamp.new" "$stamp"
  ) 9>"$folder.lock"
}
