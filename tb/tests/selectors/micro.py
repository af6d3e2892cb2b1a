"""The making of deit-micro: micro.py HOME. The shipped pictures come out of the generator, and the training script runs to
its end and writes a file with every tensor of the shipped one; that file's accuracy is tested in C++ (test_micro.cpp)."""

import csv
import pathlib
import subprocess
import sys
import tempfile

HOME = pathlib.Path(sys.argv[1])
MICRO = HOME / "models" / "zoo" / "micro"
sys.path[:0] = [str(MICRO), str(HOME / "models" / "selectors")]

import numpy as np  # noqa: E402

import generate  # noqa: E402
from heatvit_training.tensors import read_safetensors  # noqa: E402


def shipped():
    with open(MICRO / "labels.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def check_pictures(folder):
    rows = shipped()
    labels, details = generate.write_set(folder, 7, len(rows))
    assert [(row["file"], int(row["class"]), row["name"]) for row in rows] == labels
    with open(MICRO / "details.csv", encoding="utf-8", newline="") as file:
        assert [tuple(row.values()) for row in csv.DictReader(file)] == [tuple(map(str, line)) for line in details]
    for row in rows:  # another version of the JPEG library may round otherwise
        new, old = (generate.decode((place / row["file"]).read_bytes()).astype(int) for place in (folder, MICRO / "images"))
        assert np.abs(new - old).mean() < 1, row["file"]


def check_seeds():
    jpeg, label, patches, details = generate.picture(3, 5)
    assert generate.picture(3, 5)[0] == jpeg and generate.picture(3, 6)[0] != jpeg and generate.picture(4, 5)[0] != jpeg
    assert set(patches) == {label, generate.BACKGROUND} and details["shape_patches"] == (patches == label).sum()


def check_training(folder):
    out = folder / "weights.safetensors"
    subprocess.run([sys.executable, str(MICRO / "train.py"), "--work", str(folder), "--out", str(out), "--pictures", "16",
                    "--validation", "16", "--steps", "3", "--selector-steps", "2", "--together-steps", "4"], check=True, stderr=subprocess.DEVNULL)
    new, metadata = read_safetensors(out)
    old, _ = read_safetensors(MICRO / "weights.safetensors")
    assert {name: array.shape for name, array in new.items()} == {name: array.shape for name, array in old.items()}
    assert "selector.3.local.in" in metadata["heatvit.ranges"]


with tempfile.TemporaryDirectory() as scratch:
    check_pictures(pathlib.Path(scratch) / "images")
    check_seeds()
    check_training(pathlib.Path(scratch))
