"""vectors.py and the sizes of a bitstream as other tools take them: vectors_for_tools.py HOME RUN_SIM FOLDER."""
import json
import os
import pathlib
import re
import subprocess
import sys
import xml.etree.ElementTree

home, run_sim, folder = pathlib.Path(sys.argv[1]), sys.argv[2], pathlib.Path(sys.argv[3])
folder.mkdir(parents=True, exist_ok=True)
os.chdir(folder)
environment = dict(os.environ, HEATVIT_HOME=str(home))


def done(*words, fails=False):
    run = subprocess.run([str(w) for w in words], capture_output=True, text=True, env=environment)
    assert (run.returncode != 0) == fails, (words, run.stdout, run.stderr)
    return run.stdout + run.stderr


def vectors(*words, fails=False):
    return done(sys.executable, home / "tb/hls_check/vectors.py", *words, fails=fails)


image = home / "models/zoo/micro/images/000_circle_filled.jpg"
sizes = ["--tile.k", 64, "--tile.n", 64, "--pe.to", 8]
done(run_sim, "--model", "deit-micro", "--image", image, *sizes, "--dump-vectors", "v", "--vectors", 1, "--quiet")
done(run_sim, "hls-config", "--model", "deit-micro", *sizes, "--out", "sizes.h")

# Every file says which hardware it is of: what hls-config writes for the same configuration.
header = dict(re.findall(r"\b(k\w+) = (\d+)", pathlib.Path("sizes.h").read_text()))
for file in sorted(pathlib.Path("v").iterdir()):
    assert dict(line.split() for line in vectors("hardware", file).splitlines()) == header, file

# Tiles of another bitstream are refused with the names of what differs; --header may be a relative path.
assert "kTo 8 (here 32)" in vectors("run", "v/pe_array_tile-000.vec", fails=True)
assert "2 of 2 replays match" in vectors("run", "v/pe_array_tile-000.vec", "v/gelu-000.vec", "--header", "sizes.h")

# The program compiles as C and as C++, and links with the unit either way.
unit = home / "accel/hls/units/token_select.cpp"
pathlib.Path("select.vec").write_text(
    "heatvit-vectors 3\nhardware kTh 3\nunit token_select_threshold\nin scores uint32 3\n5 9 2\nscalar tokens int32 3\n"
    "scalar candidates int32 2\nscalar threshold uint32 4\nout mask uint8 3\n1 1 0\nreturn return int32 1\nend\n")
program = vectors("c", "select.vec")
for compiler, name in (("gcc", "bench.c"), ("g++", "bench.cpp")):
    pathlib.Path(name).write_text(program)
    done(compiler, "-c", name, "-o", "bench.o")
    done("g++", "-std=c++14", "-I", home, "bench.o", unit, "-o", "bench")
    assert "0 values differ" in done("./bench")

# Arrays of a test bench description stand in braces, scalars do not.
(case,) = xml.etree.ElementTree.fromstring(vectors("xml", "select.vec"))
assert case.attrib == {"scores": "{5,9,2}", "tokens": "3", "candidates": "2", "threshold": "4", "mask": "{0,0,0}"}, case.attrib

# A header of sizes in each way that a command line may let through.
source = 'int outputs() { return heatvit::kernels::kTo; }\nstatic_assert(heatvit::kernels::kTo == 8, "the header is read");\n'
pathlib.Path("sized.cpp").write_text('#include "accel/kernels/hardware.h"\n' + source)
for words in (["-include", "sizes.h"], ["-DHEATVIT_HLS_CONFIG_FILE=sizes.h", "-I."],
              [f"-DHEATVIT_HLS_CONFIG_FILE={folder}/sizes.h"], ['-DHEATVIT_HLS_CONFIG="sizes.h"', "-I."]):
    done("g++", "-std=c++14", "-I", home, *words, "-c", "sized.cpp", "-o", "sized.o")

# heatvit_top itself: memory before and after, as words with addresses.
done(run_sim, "export", "--model", "deit-micro", "--prune-rates", "0.3,0.5,0.7", "--image", image, "--out", "board")
# Once more into the same folder: what the second one does not write is gone, and nothing that it reads is written over.
export = [run_sim, "export", "--model", "deit-micro", "--prune-rates", "0.3,0.5,0.7", "--out", "board"]
done(*export, "--image", image, "--c-array")
assert pathlib.Path("board/heatvit_image.h").exists()
done(*export, "--image", image)
assert not pathlib.Path("board/heatvit_image.h").exists()
kept = pathlib.Path("board/ddr.bin")
kept.write_bytes(image.read_bytes())
assert "ddr.bin" in done(*export, "--image", kept, fails=True) and kept.read_bytes() == image.read_bytes()
done(*export, "--image", image)
vectors("top", "board", "top")
ddr = pathlib.Path("board/ddr.bin").read_bytes()
manifest = json.loads(pathlib.Path("board/manifest.json").read_text())
memory, at = {}, 0
for line in pathlib.Path("top/ddr.hex").read_text().split():
    if line[0] == "@":
        at = int(line[1:], 16)
    else:
        memory[at] = bytes.fromhex(line)[::-1]
        at += 1
for section in manifest["sections"]:
    for i in range(0, section["bytes"], 997):
        address = section["address"] + i
        assert memory[address // 16][address % 16] == ddr[section["offset"] + i], section["name"]
arguments = dict(line.split(" ", 1) for line in pathlib.Path("top/arguments.txt").read_text().splitlines())
assert arguments["stages"] == "3" and arguments["kept"] == "44 32 19" and arguments["tokens"] == "65", arguments
assert pathlib.Path("top/expected.hex").read_text().count("// block.") == 6
