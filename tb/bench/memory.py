#!/usr/bin/env python3
"""The memory system in tables: board measurements, how far each parameter without a source moves them, patterns, speed.

  tb/bench/memory.py                 everything, as Markdown (about a minute)
  tb/bench/memory.py --part patterns one of board, sensitivity, patterns, devices, speed
"""
import argparse
import json
import pathlib
import random
import resource
import subprocess
import sys
import tempfile

HOME = pathlib.Path(__file__).resolve().parents[2]
# Second-hand measurements on a ZCU102, GB/s, reads and writes together.
BOARD = [("0,1,3", 192, 300, 13.7), ("0,3", 128, 300, 11.6), ("0", 256, 300, 9.6), ("0,1,3", 384, 100, 8.8),
         ("0,1,3", 16, 300, None)]
# Parameters without a source, each changed by itself.
CHANGES = [[], ["--axi.outstanding", "4"], ["--axi.outstanding", "16"], ["--axi.read_latency_cycles", "24"],
           ["--axi.crossing_cycles", "4"], ["--axi.path_mhz", "1066"], ["--ddr.turnaround_ns", "0"],
           ["--ddr.turnaround_ns", "7.5"], ["--ddr.drain_high", "32"], ["--ddr.drain_low", "32"], ["--ddr.window", "8"],
           ["--ddr.controller_ns", "50"], ["--ddr.age_limit_ns", "500"], ["--ddr.idle_switch_ns", "0"],
           ["--ddr.idle_switch_ns", "60"], ["--ddr.map", "r14-0 b1-0 g1-0 c9-3"], ["--ddr.page", "closed"]]
DEVICES = ["ddr4-2133p-x8", "ddr4-2400-x8", "ddr4-2400-pl-x16"]
REQUESTS = 1 << 17
BLOCK = 64
program = HOME / "run_sim.sh"


def run(arguments):
    """Standard output of run_sim; ends the program with its message when it fails."""
    process = subprocess.run([program, *map(str, arguments)], stdout=subprocess.PIPE, check=False)
    if process.returncode != 0:
        sys.exit(process.returncode)
    return process.stdout


def mem(*arguments):
    return json.loads(run(["mem", "--json", *arguments]))


def copy(ports, burst, mhz, size, more=()):
    return mem("--ports", ports, "--burst", burst, "--kind", "copy", "--pl.clock_mhz", mhz, "--bytes", size, *more)


def row(*cells):
    print("| " + " | ".join(str(cell) for cell in cells) + " |", flush=True)


def header(*cells):
    print()
    row(*cells)
    row(*["---"] * len(cells))


def board():
    header("pattern (copy)", "measured", "simulated", "difference")
    best = 0
    for ports, burst, mhz, measured in BOARD:
        simulated = copy(ports, burst, mhz, "64M")["bandwidth_gbs"]
        best = max(best, simulated)
        name = f"ports {ports}, {burst} bytes, {mhz} MHz"
        if measured:
            row(name, measured, f"{simulated:.2f}", f"{simulated / measured * 100 - 100:+.1f} %")
        else:
            row(name, "30 to 50 % of the best", f"{simulated:.2f} ({simulated / best * 100:.0f} %)",
                "within" if 0.3 <= simulated / best <= 0.5 else "outside")


def sensitivity():
    header("changed", *[f"{burst} B" for _, burst, _, _ in BOARD])
    for change in CHANGES:
        cells = [f"{copy(ports, burst, mhz, '16M', change)['bandwidth_gbs']:.2f}" for ports, burst, mhz, _ in BOARD]
        row(" ".join(change) or "defaults", *cells)


def patterns():
    """Names and requests (address, write): what a trace replays as fast as the controller accepts."""
    generator = random.Random(1)
    anywhere = [generator.randrange(1 << 25) * BLOCK for _ in range(REQUESTS)]
    yield "sequential reads", [(i * BLOCK, False) for i in range(REQUESTS)]
    yield "sequential writes", [(i * BLOCK, True) for i in range(REQUESTS)]
    yield "random reads", [(address, False) for address in anywhere]
    yield "random, a third writes", [(address, i % 3 == 0) for i, address in enumerate(anywhere)]
    for stride in (128, 256, 1024, 4096, 32768, 262144):
        yield f"every {stride} bytes", [(i * stride % (1 << 31), False) for i in range(REQUESTS)]
    rows = [row * 1536 + column * BLOCK for row in range(REQUESTS // 6) for column in range(6)]
    yield "rows of 384 bytes every 1536", [(address, False) for address in rows]
    for apart, name in ((40960 + 512, "banks of their own"), (40960, "the same banks")):
        streams = [((i // 4 % 3 * apart + i // 12 * 4 + i % 4) * BLOCK, i // 4 % 3 == 2) for i in range(REQUESTS)]
        yield f"DMA: two streams read, one writes, 256 bytes in turn, {name}", streams


def replay(requests, folder, *more):
    path = pathlib.Path(folder) / "pattern.trace"
    path.write_text("".join(f"{hex(address)} {'WRITE' if write else 'READ'} 0\n" for address, write in requests),
                    encoding="ascii")
    return mem("--trace", path, *more)


def print_patterns():
    header("pattern, 64-byte requests", "GB/s", "of the peak", "row hits", "read latency, mean ns")
    with tempfile.TemporaryDirectory() as folder:
        for name, requests in patterns():
            result = replay(requests, folder)
            hits = result["row_hits"] / (result["row_hits"] + result["row_misses"])
            latency = result["read_latency_ns"]
            row(name, f"{result['bandwidth_gbs']:.2f}", f"{result['efficiency'] * 100:.1f} %", f"{hits * 100:.1f} %",
                f"{latency['mean']:.0f}" if latency else "-")
        in_order = ["--ddr.map", "r14-0 b1-0 g1-0 c9-3", "--ddr.window"]
        sequence = [(i * BLOCK, False) for i in range(REQUESTS)]
        for window in (1, 32):
            result = replay(sequence, folder, *in_order, window)
            row(f"sequential reads, column lowest, window {window}", f"{result['bandwidth_gbs']:.2f}",
                f"{result['efficiency'] * 100:.1f} %", "", f"{result['read_latency_ns']['mean']:.0f}")


def devices():
    header("device", "sequential reads", "random reads")
    generator = random.Random(1)
    with tempfile.TemporaryDirectory() as folder:
        for device in DEVICES:
            config = ["--config", HOME / "configs" / "ddr" / f"{device}.ini"]
            sequence = replay([(i * BLOCK, False) for i in range(REQUESTS)], folder, *config)
            scattered = replay([(generator.randrange(1 << 22) * BLOCK, False) for _ in range(REQUESTS)], folder, *config)
            row(device, *[f"{r['bandwidth_gbs']:.2f} GB/s ({r['efficiency'] * 100:.1f} %)" for r in (sequence, scattered)])


def cpu_of(action):
    """CPU seconds of the processes that `action` starts; the least of some runs."""
    def once():
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        action()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return min(once() for _ in range(5))


def speed():
    header("speed", "CPU time")
    with tempfile.TemporaryDirectory() as folder:
        short, long = pathlib.Path(folder) / "short", pathlib.Path(folder) / "long"
        short.write_text("0x0 READ 0\n", encoding="ascii")
        long.write_text("".join(f"{hex(i * BLOCK)} READ 0\n" for i in range(262144)), encoding="ascii")
        start = cpu_of(lambda: run(["mem", "--trace", short]))
        whole = cpu_of(lambda: run(["mem", "--trace", long]))
    row("262,144 sequential requests, reading the trace included", f"{whole - start:.3f} s")
    trains = cpu_of(lambda: mem("--ports", "0", "--burst", 4096, "--bytes", "1G"))
    row("contiguous trains, per 64 bytes", f"{(trains - start) / (1 << 24) * 1e9:.2f} ns")


def main():
    global program
    parts = {"board": board, "sensitivity": sensitivity, "patterns": print_patterns, "devices": devices, "speed": speed}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=parts)
    parser.add_argument("--program", type=pathlib.Path, default=program, help="another build of run_sim")
    options = parser.parse_args()
    program, chosen = options.program, options.part
    run(["--version"])  # builds, if it has to
    for name, part in parts.items():
        if chosen in (None, name):
            part()


if __name__ == "__main__":
    main()
