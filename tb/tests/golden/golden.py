#!/usr/bin/python3
"""Golden runs: what the program answered for each line of cases.txt, kept in golden.tsv, and whether it still does.

  golden.py PROGRAM [--record] [--only TEXT] [--jobs N] [--fail-fast]

A record has cycles in plain numbers and a digest of each part of the report (logits and tokens, cycles by cause,
bytes, resources, energy, memory), so that a difference says where it lies. Commands that print text (disasm,
hls-estimate, mem) are kept as a digest of the text. --record writes the file anew: only where a change is wanted, and
the commit says why.
"""
import argparse
import concurrent.futures
import hashlib
import json
import os
import pathlib
import shlex
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]


def digest(value):
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def of_report(report):
    """The columns of a run's JSON. A key that is added later does not change a digest."""
    images = report["images"]
    numbers = [[i.get("top5"), i["tokens"], i.get("kept"), i.get("kept_counts")] for i in images]
    blocks = report["breakdown"]
    causes = [[b["block"], b["op"], b["cycles"], b["bound_cycles"], b.get("macs"), b["tiles"],
               {u: {c: n for c, n in causes.items() if n} for u, causes in b["units"].items()}] for b in blocks]
    traffic = [[b["bytes"], b["bytes_by_port"], b["bytes_on_chip"]] for b in blocks]
    resources = report.get("resources", {})
    return {
        "cycles": ",".join(str(i["cycles"]) for i in images),
        "numbers": digest(numbers),
        "causes": digest(causes),
        "bytes": digest(traffic),
        "resources": digest([[m["module"], m["dsp"], m["bram18"], m["lut"], m["ff"]] for m in resources.get("modules", [])]
                            + [resources.get(k) for k in ("dsp", "bram18", "lut", "ff", "selector")]),
        "energy": digest([report.get("energy_mj"), report.get("power_w"), [[e["part"], e["mj"]] for e in report.get("energy", [])]]),
        "memory": digest({k: v for k, v in report.get("memory", {}).items()
                          if k in ("bytes", "row_hit_rate", "row_misses", "refreshes", "pe_wait_cycles", "bandwidth")}),
    }


def answer(program, arguments):
    words = shlex.split(arguments)
    if words[0] in ("disasm", "hls-estimate", "mem", "table"):
        done = subprocess.run([program, *words], cwd=ROOT, capture_output=True, text=True)
        columns = {"text": digest(done.stdout)}
    else:
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "run.json"
            done = subprocess.run([program, *words, "--quiet", "--json", path], cwd=ROOT, capture_output=True, text=True)
            columns = of_report(json.loads(path.read_text())) if done.returncode == 0 else {}
    if done.returncode != 0:
        columns = {"exit": str(done.returncode), "said": digest(done.stderr)}
    return " ".join(f"{k}={v}" for k, v in columns.items())


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("program")
    options.add_argument("--record", action="store_true", help="write golden.tsv anew")
    options.add_argument("--only", default="", help="cases that contain this text")
    options.add_argument("--jobs", type=int, default=1)
    options.add_argument("--fail-fast", action="store_true", help="end with the first that differs")
    given = options.parse_args()
    os.environ["HEATVIT_HOME"] = str(ROOT)
    cases = [line.strip() for line in (HERE / "cases.txt").read_text().splitlines()]
    cases = [c for c in cases if c and not c.startswith("#") and given.only in c]

    program = str(pathlib.Path(given.program).resolve())
    recorded = dict(line.split("\t") for line in (HERE / "golden.tsv").read_text().splitlines())
    answers = {}
    with concurrent.futures.ThreadPoolExecutor(given.jobs) as pool:
        for case, now in zip(cases, pool.map(lambda c: answer(program, c), cases)):
            answers[case] = now
            if given.fail_fast and recorded.get(case) != now:
                pool.shutdown(cancel_futures=True)
                break
    if given.record:
        (HERE / "golden.tsv").write_text("".join(f"{c}\t{a}\n" for c, a in answers.items()))
        print(f"{len(answers)} golden runs recorded")
        return 0

    wrong = 0
    for case, now in answers.items():
        if recorded.get(case) == now:
            continue
        wrong += 1
        was = dict(w.split("=", 1) for w in recorded.get(case, "").split())
        changed = [f"{k} {was.get(k, 'absent')} -> {v}" for k, v in (w.split("=", 1) for w in now.split()) if was.get(k) != v]
        print(f"{case}\n    {'; '.join(changed)}")
    if not given.only and not (given.fail_fast and wrong):
        for case in recorded.keys() - set(cases):
            wrong += 1
            print(f"{case}\n    recorded, no longer a case")
    print(f"{len(answers)} golden runs, {wrong} differ")
    return 1 if wrong or not answers else 0


if __name__ == "__main__":
    sys.exit(main())
