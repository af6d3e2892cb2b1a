"""From run_sim export through a board that is none to run_sim import-result: board.py WHAT HOME BIN FOLDER.

BIN has run_sim, mock_board_8, mock_board_16, heatvit_board and layernorm_rows. WHAT: native, aarch64, bare, layernorm. The last three need
Debian's gcc-aarch64-linux-gnu and qemu-user; without them the exit code is 77.
"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

what, home, folder = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[-1])
tools = {pathlib.Path(path).name: path for path in sys.argv[3:-1]}
environment = dict(os.environ, HEATVIT_HOME=str(home))
PHYSICAL = "0x60000000"
GCC, QEMU = "aarch64-linux-gnu-gcc", "qemu-aarch64"
DRIVER = home / "accel/soc/driver"
PROGRAM = [DRIVER / name for name in ("board_linux.c", "heatvit_board.c", "heatvit_hls.c", "heatvit_driver.c")]
STRICT = ["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Wshadow", "-Werror", "-O2", f"-I{home}"]
MICRO = home / "models/zoo/micro/images/000_circle_filled.jpg"
CASES = {
    "micro": ["--model", "deit-micro", "--image", MICRO, "--prune-rates", "0.3,0.5,0.7"],
    "tiny": ["--model", "deit-t", "--prune-rates", "0.3,0.51,0.657"],  # random weights, a procedural picture
    "first": ["--model", "deit-t", "--config", home / "configs/first-generation-deit-t.ini", "--prune-rates",
              "0.3,0.51,0.657"],
    "baseline": ["--model", "deit-t", "--config", home / "configs/baseline-deit-t.ini"],  # int16 operands
    "micro-selectors": ["--model", "deit-micro", "--image", MICRO, "--selector-weights", "random:3"],
}


def done(*words, code=0, **more):
    run = subprocess.run([str(w) for w in words], capture_output=True, text=True, env=environment, **more)
    assert run.returncode == code, (words, run.returncode, run.stdout, run.stderr)
    return run.stdout + run.stderr


def on_the_board(program, exported, result, *more, code=0, bits=None):
    """The board's program and the block that answers it, in processes of their own, on two files."""
    registers, memory = folder / "registers", folder / "memory"
    size = int(re.search(r"^memory (\d+)", (exported / "board.txt").read_text(), re.M).group(1))
    for path, bytes_ in ((registers, 4096), (memory, size)):
        path.write_bytes(b"")
        os.truncate(path, bytes_)
    bits = bits or re.search(r"kOperandBits = (\d+)", (exported / "hls_config.h").read_text()).group(1)
    block = subprocess.Popen([tools[f"mock_board_{bits}"], registers, memory, "--physical", PHYSICAL, "--seconds", "20"])
    try:
        text = done(*program, exported, result, "--registers", registers, "--memory", memory, "--physical", PHYSICAL,
                    *more, code=code)
    finally:
        block.wait()
    return text


def export(name, *more):
    done(tools["run_sim"], "export", *CASES[name], "--out", folder / name, *more)
    return folder / name


def compared(exported, result, code=0):
    return done(tools["run_sim"], "import-result", exported, result, code=code)


def expect_exact(program, names):
    for name in names:
        exported, result = export(name), folder / (name + ".result")
        on_the_board(program, exported, result)
        assert "equal at every checkpoint" in compared(exported, result), name


def native():
    program = [tools["heatvit_board"]]
    expect_exact(program, CASES)
    # Without checkpoints: the plain list.
    exported, result = folder / "micro", folder / "plain.result"
    on_the_board(program, exported, result, "--list", "plain")
    assert "the list without checkpoints ran" in compared(exported, result)
    # A weight that went wrong is found where it shows first; the manifest holds what is what.
    manifest = json.loads((exported / "manifest.json").read_text())
    assert [w["register"] for w in manifest["registers"]][-1] == "CONTROL"
    assert manifest["expected"]["kept"] == [44, 32, 19] and manifest["provenance"]["version"]
    broken = folder / "broken"
    shutil.copytree(exported, broken, dirs_exist_ok=True)
    checkpoint = [c for c in manifest["expected"]["checkpoints"] if c["name"] == "block.3.out"][0]
    bytes_ = bytearray((folder / "micro.result").read_bytes())
    at = 64 + checkpoint["offset"] + 2 * (5 * checkpoint["values"] + 7)
    bytes_[at] ^= 1
    (folder / "bent.result").write_bytes(bytes_)
    text = compared(exported, folder / "bent.result", code=3)
    assert "first difference: block.3.out, token 5, value 7:" in text, text
    # Refusals: a result of another export, no result, files that have changed, a list that the block refuses.
    assert "bytes, a result of" in compared(folder / "tiny", folder / "micro.result", code=2)
    assert "is no result of a board" in compared(exported, exported / "ddr.bin", code=2)
    # A manifest that somebody has altered: nothing outside of the files is read, and nothing is equal without a comparison.
    for alter, said in ((lambda m: m["expected"]["checkpoints"][0].update(offset=10**9), "lies outside of expected.bin"),
                        (lambda m: m["expected"]["checkpoints"][0].update(values=1e300), "lies outside of expected.bin"),
                        (lambda m: m["expected"].update(kept=[44, 32, 19.0]), "19.0 is no number of tokens"),
                        (lambda m: m["expected"]["checkpoints"][0].update(tokens=10**12), "lies outside of expected.bin"),
                        (lambda m: m["expected"]["logits"].update(values=-1), "lies outside of expected.bin"),
                        (lambda m: m["expected"].pop("kept"), "is not as run_sim export writes it"),
                        (lambda m: m["expected"].update(checkpoints=[]), "has no checkpoints")):
        other = json.loads((exported / "manifest.json").read_text())
        alter(other)
        (broken / "manifest.json").write_text(json.dumps(other))
        assert said in compared(broken, folder / "micro.result", code=2), said
    shutil.copy(exported / "manifest.json", broken)
    assert "it is a folder" in compared(exported, folder, code=2)
    expected = bytearray((broken / "expected.bin").read_bytes())
    expected[0] ^= 1
    (broken / "expected.bin").write_bytes(expected)
    assert "is not what was exported" in compared(broken, folder / "micro.result", code=2)
    data = bytearray((broken / "ddr.bin").read_bytes())
    data[int(re.search(r"^section 634752 (\d+)", (broken / "board.txt").read_text(), re.M).group(1))] ^= 1
    (broken / "ddr.bin").write_bytes(data)
    on_the_board(program, broken, folder / "refused.result", code=1)
    assert "stopped with status 1 (a word of the list is no command)" in compared(exported, folder / "refused.result", code=3)
    on_the_board(program, exported, folder / "refused.result", code=1, bits=16)
    assert "stopped with status 4 (operands of another width than the bitstream's)" in compared(
        exported, folder / "refused.result", code=3)
    assert "heatvit_top holds 256 tokens" in done(tools["run_sim"], "export", "--model", "deit-t", "--image-size", "384", "--out",
                                                  folder / "no", code=2)
    assert "single images" in done(tools["run_sim"], "export", "--model", "deit-t", "--accel.batch", "2", "--out",
                                   folder / "no", code=2)
    assert not (folder / "no").exists()
    assert json.loads(done(tools["run_sim"], "import-result", exported, folder / "micro.result", "--json", "-"))["equal"]


def cross(output, *sources, flags=()):
    done(GCC, *STRICT, *flags, *sources, "-o", folder / output)
    return [QEMU, "-L", "/usr/aarch64-linux-gnu", folder / output]


def aarch64():
    expect_exact(cross("heatvit_board", *PROGRAM), ("micro", "tiny"))


def bare():
    exported = export("micro", "--c-array")
    objects = []
    for source in ("board_bare.c", "heatvit_board.c", "heatvit_hls.c", "heatvit_driver.c"):
        objects.append(folder / (source + ".o"))
        done(GCC, *STRICT, f"-I{exported}", "-ffreestanding", "-fno-tree-loop-distribute-patterns", "-c", DRIVER / source,
             "-o", objects[-1])
    done(GCC, "-nostdlib", "-static", "-Wl,-e,main", *objects, "-o", folder / "bare.elf")  # nothing else is needed


def layernorm():
    rows = folder / "rows"
    done(tools["layernorm_rows"], rows)
    check = [home / "tb/tests/accel/soc/board/layernorm_check.c", DRIVER / "layernorm_neon.c"]
    done("gcc", *STRICT, *check, "-o", folder / "plain")  # plain C, here
    assert "0 of 10000 rows differ" in done(folder / "plain", rows)
    text = done(*cross("neon", *check, flags=["-mcpu=cortex-a53"]), rows)
    assert "0 of 10000 rows differ" in text, text
    # Instructions of the two loops over vectors, for eight values each.
    listing = done("aarch64-linux-gnu-objdump", "-d", "--no-show-raw-insn", folder / "neon")
    body = re.search(r"<heatvit_layernorm_row>:\n(.*?)\n\n", listing, re.S).group(1)
    code = [(int(a, 16), text.strip()) for a, text in re.findall(r"^ *([0-9a-f]+):\t(.*)$", body, re.M)]
    simd = loads = total = loops = 0
    for at, text in code:
        target = re.match(r"(?:b\.\w+|cbn?z \w+,|tbn?z .*,)\s*([0-9a-f]+) <", text)
        if not target or int(target.group(1), 16) > at:
            continue
        inside = [t for a, t in code if int(target.group(1), 16) <= a <= at]
        if not any(re.match(r"(sadalp|smlal2?)\s+v", t) for t in inside):
            continue
        loops += 1
        total += len(inside)
        loads += sum(bool(re.match(r"(ld|st|prfm)", t)) for t in inside)
        simd += sum(bool(re.match(r"\w+\s+v\d+\.", t)) and not re.match(r"(ld|st)", t) for t in inside)
    assert loops == 2, body
    print(f"instructions an element: {simd / 8:.2f} SIMD, {loads / 8:.2f} loads and stores, {total / 8:.2f} in all")
    assert 4 < simd / 8 < 9, simd


if what != "native" and not (shutil.which(GCC) and shutil.which(QEMU)):
    print("skipped: needs gcc-aarch64-linux-gnu and qemu-user")
    sys.exit(77)
shutil.rmtree(folder, ignore_errors=True)
folder.mkdir(parents=True)
{"native": native, "aarch64": aarch64, "bare": bare, "layernorm": layernorm}[what]()
