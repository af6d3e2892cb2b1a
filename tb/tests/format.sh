#!/usr/bin/env bash
# Every source file is as .clang-format says. Exit code 77 (skipped) where clang-format is not installed.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
command -v clang-format-14 >/dev/null || { echo "skipped: clang-format-14 is not installed"; exit 77; }
mapfile -t files < <(find accel models tb -name '*.h' -o -name '*.cpp' | grep -v '/bad/' | sort)
clang-format-14 --dry-run --Werror "${files[@]}"
