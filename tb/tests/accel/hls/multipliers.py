"""Multiplications of the kernels: multipliers.py HOME. The widths that each header multiplies are those that it lists (what
the resource model counts), and no index is a product."""
import pathlib
import re
import sys

home = pathlib.Path(sys.argv[1])
NORM_BITS = {"kBits": 20}  # of int8 results

for header in sorted((home / "accel/kernels").glob("*.h")):
    if header.name == "types.h":  # what multiplies, for all of them
        continue
    text = re.sub(r"//[^\n]*", "", header.read_text())
    used = sorted((NORM_BITS.get(a) or int(a), int(b)) for a, b in re.findall(r"multiply(?:_constant)?<(\w+), (\w+), [^<>]+>\(", text))
    listed = sorted((int(a), int(b)) for group in re.findall(r"Multipliers\[\] = \{(.*?)\};", text, re.S)
                    for a, b in re.findall(r"\{(\d+), (\d+)(?:, signed_digits\(\w+\))?\}", group))
    assert used == listed, f"{header}: multiplies {used}, lists {listed}"
    constants = sorted(re.findall(r"multiply_constant<[^<>]+>\(.*?, (k\w+)\)", text))
    digits = sorted(re.findall(r"signed_digits\((k\w+)\)", text))
    assert constants == digits, f"{header}: multiplies by {constants}, lists {digits}"

# Row offsets run along: a product of two variables in an index or an address is a multiplier of 32 bits.
for file in [*(home / "accel/hls/units").glob("*.cpp"), *(home / "accel/kernels").glob("*.h")]:
    text = re.sub(r"//[^\n]*", "", file.read_text())
    found = re.findall(r"\[[^\]\n]*\b(?!k[A-Z])[a-z]\w* \* (?!k[A-Z])[a-z]\w*", text)
    if file.suffix == ".cpp":
        found += re.findall(r"\b(?!k[A-Z])[a-z]\w* \* (?!k[A-Z])[a-z]\w*", text)
    assert not found, f"{file}: {found}"
