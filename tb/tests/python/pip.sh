#!/bin/sh
# pip install . --no-build-isolation with Debian's pip, from the module that is built: pip.sh HOME BUILD. Exit code 77 without pip.
set -eu
if ! /usr/bin/python3 -c 'import setuptools, wheel, pip' 2> /dev/null; then
  echo "skipped: needs python3-pip, python3-setuptools and python3-wheel"
  exit 77
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# A copy, since setuptools writes beside the sources.
mkdir "$folder/source"
(cd "$1" && tar --exclude=./build --exclude=./.git --exclude=__pycache__ -cf - .) | tar -xf - -C "$folder/source"
HEATVIT_BUILD=$2 /usr/bin/python3 -m pip install --quiet --no-index --no-deps --no-build-isolation --target "$folder/packages" "$folder/source"
rm -rf "$folder/source"
cd "$folder"
unset HEATVIT_HOME
PYTHONPATH=$folder/packages /usr/bin/python3 -B - <<'END'
import pathlib
import heatvit

assert pathlib.Path(heatvit.__file__).parts[-3] == "packages", heatvit.__file__
from heatvit import program

assert pathlib.Path(program.home()).parts[-2:] == ("heatvit", "share"), program.home()
pictures = pathlib.Path(program.home()) / "models/zoo/micro/images"
result = heatvit.Simulator("deit-micro").run(sorted(pictures.glob("*.jpg"))[:2])
assert result.logits.shape == (2, 16)
from heatvit_training import config  # needs no PyTorch

assert config.find("deit-t").patches == 196
print(result, heatvit.latency("deit-s", prune_rates=[.3, .51, .657]))
END
