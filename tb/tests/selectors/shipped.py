"""The shipped DeiT-T selectors on photographs: shipped.py HOME RUN_SIM FOLDER. Exit code 77 without the data folder."""

import json
import os
import subprocess
import sys
import tempfile

home, run_sim, folder = sys.argv[1:]
data = os.environ.get("HEATVIT_DATA", home + "/../shared/data")
weights = data + "/weights/deit_tiny_patch16_224.safetensors"
if not os.path.exists(weights):
    print(f"skipped: no data folder: {weights} (HEATVIT_DATA)")
    sys.exit(77)

COUNT = 12  # of 500, one in forty, of training and validation: only sanity is judged
with tempfile.TemporaryDirectory(dir=folder) as scratch:
    names = sorted(name for name in os.listdir(data + "/images") if name.endswith(".jpg"))[::40][:COUNT]
    images = [argument for name in names for argument in ("--image", f"{data}/images/{name}")]
    files = ["--weights", weights, "--selector-weights", home + "/models/selectors/weights/deit-t.safetensors"]
    subprocess.run([run_sim, "--model", "deit-t", *files, *images, "--labels", data + "/images/labels.csv", "--json",
                    scratch + "/run.json", "--quiet"], check=True)
    with open(scratch + "/run.json", encoding="utf-8") as file:
        report = json.load(file)
    kept = [image["kept_counts"] for image in report["images"]]
    assert len(kept) == COUNT and all(len(counts) == 3 for counts in kept)
    assert len({tuple(counts) for counts in kept}) > COUNT // 2, kept  # the threshold decides image by image
    assert all(196 > a >= b >= c > 0 for a, b, c in kept), kept
    assert 0.55 < report["summary"]["gmacs_mean"] / 1.2537 < 0.75, report["summary"]
    assert report["summary"]["top1"] >= 7 / COUNT, report["summary"]  # 77.4 % of all 500, unpruned; chance is 0.1 %
