"""The package heatvit against the program: package.py HOME PACKAGES RUN_SIM. Every number must be the program's."""

import concurrent.futures
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import warnings

HOME, PACKAGES, RUN_SIM = sys.argv[1:4]
sys.path.insert(0, PACKAGES)
os.environ["HEATVIT_HOME"] = HOME

import numpy  # noqa: E402

import heatvit  # noqa: E402

PICTURES = sorted((pathlib.Path(HOME) / "models/zoo/micro/images").glob("*.jpg"))[:6]


def has(module):
    try:
        __import__(module)
    except ImportError:
        return False
    return True


def program(*arguments):
    """(JSON report, logits) of the program."""
    with tempfile.TemporaryDirectory() as folder:
        report, logits = os.path.join(folder, "r.json"), os.path.join(folder, "l.npy")
        line = [RUN_SIM, *map(str, arguments), "--json", report, "--quiet"]
        functional = "--image" in line
        subprocess.run(line + (["--logits"] if functional else []), check=True)
        with open(report, encoding="utf-8") as file:
            result = json.load(file)
        del logits
    return result, numpy.array([i.get("logits", []) for i in result["images"]])


def complaint(*arguments):
    done = subprocess.run([RUN_SIM, *arguments], capture_output=True, text=True)
    assert done.returncode == 2, done
    return done.stderr.split("error: ", 1)[1].rstrip("\n")


IMAGES = [word for path in PICTURES for word in ("--image", path)]


class Runs(unittest.TestCase):
    def test_paths_give_what_the_program_gives(self):
        report, logits = program("--model", "deit-micro", *IMAGES)
        for jobs in (1, 2):
            with heatvit.Simulator("deit-micro", jobs=jobs) as sim:
                result = sim.run([str(path) for path in PICTURES])
            self.assertTrue((result.logits == logits).all())
            self.assertEqual(result.logits.shape, (len(PICTURES), 16))
            for place, image in enumerate(report["images"]):
                self.assertEqual(result.tokens[place].tolist(), image["tokens"])
                self.assertEqual([stage.tolist() for stage in result.kept[place]], image["kept"])
                self.assertEqual(result.cycles[place], image["cycles"])
                self.assertEqual(result.latency_ms[place], image["latency_ms"])
            self.assertEqual([row["cycles"] for row in report["breakdown"]], result.breakdown["cycles"].tolist())
            self.assertEqual([row["units"]["pe"]["busy"] for row in report["breakdown"]], result.breakdown["pe_busy"].tolist())
            self.assertEqual(result.energy_mj, report["energy_mj"])

    def test_hardware_and_rates(self):
        report, logits = program("--model", "deit-micro", "--prune-rates", "0.3,0.5,0.65", "--scorer", "cls-attention",
                                 "--pl.clock_mhz", "200", "--vec.lanes", "32", *IMAGES)
        sim = heatvit.Simulator("deit-micro", hardware={"pl.clock_mhz": 200, "vec.lanes": 32}, prune_rates=[.3, .5, .65],
                                scorer="cls-attention")
        result = sim.run(PICTURES)
        self.assertTrue((result.logits == logits).all())
        self.assertEqual(result.cycles.tolist(), [image["cycles"] for image in report["images"]])
        self.assertEqual(result.kept_counts.tolist(), [image["kept_counts"] for image in report["images"]])

    def test_evit(self):
        report, logits = program("--model", "deit-micro", "--prune-rates", "0.3,0.3,0.8", "--scorer", "evit", *IMAGES)
        with heatvit.Simulator("deit-micro", prune_rates=[.3, .3, .8], scorer="evit") as sim:
            result = sim.run(PICTURES)
        self.assertTrue((result.logits == logits).all())
        self.assertEqual(result.cycles.tolist(), [image["cycles"] for image in report["images"]])
        with heatvit.Simulator("deit-micro", scorer="evit") as sim:  # replayed: fused tokens are numbered behind the patches
            again = sim.run(PICTURES, kept=result.kept)
            self.assertTrue((again.logits == logits).all())
            asked = []
            sim.run(PICTURES[:1], decide=lambda question: asked.append(question) or question.patches[:20])
        self.assertEqual([q.patches[-1] for q in asked], [63, 64, 65])
        for question in asked:
            self.assertEqual(question.tokens.shape[0], len(question.patches))
            self.assertGreater(question.scores.sum(), 0)

    def test_own_command_lists(self):
        text = subprocess.run([RUN_SIM, "disasm", "--model", "deit-micro"], check=True, capture_output=True, text=True).stdout
        with tempfile.TemporaryDirectory() as folder:
            for name, old, new in (("same", "", ""), ("tiles", "n=288 tile=22x", "n=288 tile=7x"),
                                   ("hangs", "wait_a=b0.cls", "wait_a=b1.qkv")):
                path = os.path.join(folder, name + ".asm")
                pathlib.Path(path).write_text(text.replace(old, new, 1))
                if name == "hangs":
                    with self.assertRaisesRegex(heatvit.InputError, "hangs.asm:4: wait_a waits for command 3"):
                        heatvit.latency("deit-micro", program=path)
                    continue
                report, _ = program("--model", "deit-micro", "--program", path)
                self.assertEqual(heatvit.latency("deit-micro", program=path), report["images"][0]["latency_ms"])

    @unittest.skipUnless(has("PIL"), "needs python3-pil")
    def test_arrays_are_as_good_as_files(self):
        from PIL import Image

        arrays = numpy.stack([numpy.asarray(Image.open(path).convert("RGB")) for path in PICTURES])
        with heatvit.Simulator("deit-micro") as sim:
            logits = sim.run(PICTURES).logits
            for transform in (None, True, False) if arrays.shape[1:3] == (64, 64) else (None, True):
                self.assertTrue((sim.run(arrays, transform=transform).logits == logits).all(), transform)
            larger = sim.run([numpy.zeros((80, 100, 3), numpy.uint8), PICTURES[0]])
            self.assertTrue((larger.logits[1] == logits[0]).all())
            with self.assertRaisesRegex(heatvit.InputError, "image 0: is of 100 x 80 pixels; the network takes 64 x 64"):
                sim.run([numpy.zeros((80, 100, 3), numpy.uint8)], transform=False)
            for wrong in (arrays.astype(numpy.float32), arrays[..., 0], arrays[..., :2], []):
                with self.assertRaises(heatvit.InputError):
                    sim.run(wrong)
            self.assertTrue((sim.run(PICTURES).logits == logits).all(), "after errors")

    def test_batches_and_labels(self):
        report, logits = program("--model", "deit-micro", "--batch", "4", *IMAGES)
        labels = [image["top5"][0]["class"] for image in report["images"]]
        labels[0] = (labels[0] + 1) % 16
        for jobs in (1, 2):
            result = heatvit.Simulator("deit-micro", batch=4, jobs=jobs).run(PICTURES, labels=labels)
            self.assertTrue((result.logits == logits).all())
            self.assertEqual(result.cycles.tolist(), [image["cycles"] for image in report["images"]])
            self.assertAlmostEqual(result.top1, 1 - 1 / len(labels))

    def test_modes(self):
        timing, _ = program("--model", "deit-t", "--prune-rates", "0.3,0.51,0.657")
        sim = heatvit.Simulator("deit-t", prune_rates=[.3, .51, .657])
        result = sim.run()
        self.assertIsNone(result.logits)
        self.assertEqual(result.cycles.tolist(), [timing["images"][0]["cycles"]])
        self.assertEqual(sim.latency(), timing["summary"]["latency_ms"]["mean"])
        analytic, _ = program("--model", "deit-t", "--prune-rates", "0.3,0.51,0.657", "--mode", "analytic")
        self.assertEqual(heatvit.latency("deit-t", mode="analytic", prune_rates=[.3, .51, .657]),
                         analytic["summary"]["latency_ms"]["mean"])
        _, floats = program("--model", "deit-micro", "--mode", "float", *IMAGES)
        result = heatvit.Simulator("deit-micro", mode="float").run(PICTURES)
        self.assertTrue((result.logits == floats.astype(numpy.float32)).all())

    def test_a_second_run_is_warm(self):
        with heatvit.Simulator("deit-micro") as sim:
            sim.run(PICTURES[:1])
            (design,) = sim._designs.values()
            self.assertTrue(design.warm)
            begin = time.monotonic()
            sim.run(PICTURES[:1])
            second = time.monotonic() - begin
            self.assertTrue(design.warm)
        self.assertFalse(design.warm)
        self.assertLess(second, 5)

    def test_frames_and_reports(self):
        result = heatvit.Simulator("deit-micro").run(PICTURES)
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "run.json")
            result.save(path)
            subprocess.run([RUN_SIM, "compare", path, path], check=True, stdout=subprocess.DEVNULL)
        if has("pandas"):
            frame = result.to_frame()
            self.assertEqual(len(frame), len(PICTURES))
            self.assertEqual(frame["cycles"].tolist(), result.cycles.tolist())
            self.assertIn("pe_busy", result.breakdown_frame())


class Traces(unittest.TestCase):
    def test_decisions_as_indices_give_the_same_logits(self):
        with heatvit.Simulator("deit-micro") as trained:
            made = trained.run(PICTURES)
        for jobs in (1, 2):
            with heatvit.Simulator("deit-micro", scorer="heatvit", jobs=jobs) as sim:
                again = sim.run(PICTURES, kept=made.kept)
            self.assertTrue((again.logits == made.logits).all())
            self.assertEqual(again.cycles.tolist(), made.cycles.tolist())
            self.assertEqual(again.kept_counts.tolist(), made.kept_counts.tolist())

    def test_masks_and_counts(self):
        made = heatvit.Simulator("deit-micro").run(PICTURES)
        masks = numpy.zeros((len(PICTURES), 3, 64), bool)
        for place, stages in enumerate(made.kept):
            for stage, patches in enumerate(stages):
                masks[place, stage, patches] = True
        with heatvit.Simulator("deit-micro", scorer="none") as sim:
            free = sim.run(PICTURES, kept=masks)
            self.assertEqual([[s.tolist() for s in image] for image in free.kept],
                             [[s.tolist() for s in image] for image in made.kept])
            self.assertTrue((free.cycles < made.cycles).all(), "choosing costs nothing")
            timing = sim.run(kept=free.kept_counts)
            self.assertEqual(timing.cycles.tolist(), free.cycles.tolist())
            self.assertEqual(sim.run(kept=made.kept).cycles.tolist(), free.cycles.tolist())
        with heatvit.Simulator("deit-micro", scorer="cls-attention") as sim:
            scored = sim.run(PICTURES, kept=masks)
            self.assertGreater(scored.cycles.min(), free.cycles.min())
            self.assertEqual(scored.kept_counts.tolist(), free.kept_counts.tolist())

    def test_a_selector_a_block(self):
        rng = numpy.random.default_rng(1)
        kept = []
        for _ in PICTURES:
            left, stages = numpy.arange(64), []
            for _ in range(6):
                left = rng.permutation(left)[: len(left) * 4 // 5]
                stages.append(left)
            kept.append(stages)
        sim = heatvit.Simulator("deit-micro", selectors=[1, 2, 3, 4, 5, 6], scorer="none")
        result = sim.run(PICTURES, kept=kept)
        for place, stages in enumerate(kept):
            self.assertEqual([s.tolist() for s in result.kept[place]], [sorted(s.tolist()) for s in stages])
        self.assertEqual(sim.run(kept=kept).cycles.tolist(), result.cycles.tolist())

    def test_more_selectors_than_registers(self):
        counts = [[196 - 12 * (stage + 1) for stage in range(12)]]
        sim = heatvit.Simulator("deit-t", selectors=list(range(1, 13)), scorer="none")
        result = sim.run(kept=counts)
        self.assertEqual(result.kept_counts.tolist(), counts)
        self.assertEqual(result.tokens[0].tolist(), [count + 2 for count in counts[0]])

    def test_what_is_wrong(self):
        sim = heatvit.Simulator("deit-micro", scorer="none")
        for kept, text in (
            ([[[0, 1], [0], [1]]], "patch 1 is gone since an earlier selector"),
            ([[[0, 0], [0], [0]]], "patch 0 is there twice"),
            ([[[64], [], []]], "'64' is no patch; allowed: 0 to 63"),
            ([[[0], [0]]], "2 lists, but there are 3 selectors"),
        ):
            with self.assertRaisesRegex(heatvit.InputError, text):
                sim.run(PICTURES[:1], kept=kept)
        with self.assertRaisesRegex(heatvit.InputError, "2 rows for 1 images"):
            sim.run(PICTURES[:1], kept=[[[0], [0], [0]]] * 2)

    def test_a_callable_decides(self):
        made = heatvit.Simulator("deit-micro").run(PICTURES)
        with heatvit.Simulator("deit-micro", scorer="heatvit") as sim:
            # The rule of the hardware, by its scores.
            by_score = sim.run(PICTURES, decide=lambda question: question.scores >= 32768)
            self.assertTrue((by_score.logits == made.logits).all())
            self.assertEqual(by_score.cycles.tolist(), made.cycles.tolist())
        asked = []

        def norms(question):
            asked.append(question)
            return question.patches[numpy.argsort(-numpy.abs(question.tokens.astype(int)).sum(1))[: len(question.patches) // 2]]

        with heatvit.Simulator("deit-micro", scorer="none") as sim:
            own = sim.run(PICTURES, decide=norms)
            self.assertEqual([len(stage) for stage in own.kept[0]], [32, 16, 8])
            self.assertEqual(asked[0].tokens.shape, (64, 96))
            self.assertEqual([question.block for question in asked[:3]], [3, 4, 5])
            self.assertEqual({question.image for question in asked}, set(range(len(PICTURES))))
            self.assertTrue((sim.run(PICTURES, kept=own.kept).logits == own.logits).all())
            with self.assertRaisesRegex(heatvit.InputError, "not among those left"):
                sim.run(PICTURES[:1], decide=lambda question: [64])
            with self.assertRaises(ZeroDivisionError):
                sim.run(PICTURES[:1], decide=lambda question: 1 // 0)
            self.assertTrue((sim.run(PICTURES, kept=own.kept).logits == own.logits).all(), "after errors")
        with heatvit.Simulator("deit-micro", scorer="none", batch=4) as sim:
            self.assertTrue((sim.run(PICTURES, decide=norms).logits == own.logits).all())

    def test_files(self):
        made, logits = program("--model", "deit-micro", *IMAGES)
        with tempfile.TemporaryDirectory() as folder:
            trace, own = os.path.join(folder, "t.json"), os.path.join(folder, "own.json")
            subprocess.run([RUN_SIM, "--model", "deit-micro", *map(str, IMAGES), "--token-trace-out", trace, "--quiet"], check=True)
            # What a training script writes.
            with open(own, "w", encoding="utf-8") as file:
                json.dump({"images": [{"file": p.name, "kept": i["kept"]} for p, i in zip(PICTURES, made["images"])]}, file)
            for path in (trace, own):
                again, replayed = program("--model", "deit-micro", "--scorer", "heatvit", "--token-trace", path, *IMAGES)
                self.assertTrue((replayed == logits).all())
                self.assertEqual([i["cycles"] for i in again["images"]], [i["cycles"] for i in made["images"]])
                timing, _ = program("--model", "deit-micro", "--scorer", "heatvit", "--token-trace", path)
                self.assertEqual([i["cycles"] for i in timing["images"]], [i["cycles"] for i in made["images"]])
            lacking = complaint("--model", "deit-micro", "--token-trace", own, "--images", str(PICTURES[0].parent))
            self.assertIn("no tokens of '", lacking)


class Exploration(unittest.TestCase):
    def test_latency(self):
        one, _ = program("--model", "deit-t", "--pl.clock_mhz", "200")
        self.assertEqual(heatvit.latency("deit-t", {"pl.clock_mhz": 200}), one["summary"]["latency_ms"]["mean"])
        designs = [{"pl.clock_mhz": mhz, "vec.lanes": lanes} for mhz in (100, 200) for lanes in (16, 32)]
        many = heatvit.latency("deit-t", designs, jobs=2)
        self.assertEqual(many.tolist(), [heatvit.latency("deit-t", design) for design in designs])
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            self.assertEqual(list(pool.map(lambda design: heatvit.latency("deit-t", design), designs)), many.tolist())

    def test_sweep(self):
        axes = {"pl.clock_mhz": [100, 200], "prune_rates": [None, [.3, .51, .657]], "buffer.input": "2:4:1"}
        points = heatvit.sweep(axes, "deit-t", jobs=2)
        self.assertEqual(points.axes, ["pl.clock_mhz", "prune-rates", "buffer.input"])
        self.assertEqual(len(points), 12)
        for point in points.points[:3]:
            rates = None if point["prune-rates"] == "none" else [.3, .51, .657]
            self.assertEqual(point["state"], "done")
            self.assertAlmostEqual(point["latency_ms"], heatvit.latency(
                "deit-t", {"pl.clock_mhz": point["pl.clock_mhz"], "buffer.input": point["buffer.input"]}, prune_rates=rates))
        front = points.front(("latency_ms", "bram18k"))
        self.assertTrue(0 < len(front) < 12)
        self.assertEqual(front["latency_ms"].min(), points["latency_ms"].min())
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "points.sqlite")
            heatvit.sweep({"pl.clock_mhz": [100, 200]}, "deit-t", out=path)
            self.assertTrue(os.path.exists(path))
        if has("pandas"):
            self.assertIn("buffer.input", points.to_frame().columns)

    def test_listings(self):
        listed = json.loads(subprocess.run([RUN_SIM, "list", "--json"], check=True, capture_output=True, text=True).stdout)
        self.assertEqual(list(heatvit.parameters()), [p["key"] for p in listed["parameters"]])
        self.assertIn("unit", heatvit.parameters()["pe.to"])
        self.assertEqual(heatvit.models()["deit-t"]["dim"], 192)
        self.assertIn("zcu102", heatvit.devices())
        micro = os.path.join(HOME, "models/zoo/deit-micro.json")
        self.assertEqual(heatvit.describe(micro)["dim"], 96)
        self.assertEqual(heatvit.describe("deit-t", image_size=384)["image_size"], 384)

    @unittest.skipUnless(has("torch"), "needs python3-torch")
    def test_table(self):
        import torch

        table = heatvit.table("deit-t", keep_ratios="1.0:0.5:0.25")
        keep = torch.tensor([.75, .75, .5], requires_grad=True)
        table(keep).backward()
        self.assertGreater(float(keep.grad.sum()), 0)
        self.assertLess(abs(float(table(torch.ones(3))) / heatvit.latency("deit-t", prune_rates=[0, 0, 0]) - 1), 0.05)


class Mistakes(unittest.TestCase):
    def test_same_line_as_the_program(self):
        picture = str(PICTURES[0])
        for call, line in (
            (lambda: heatvit.latency("deit-x"), ["--model", "deit-x", "--mode", "timing"]),
            (lambda: heatvit.latency("deit-t", {"pe.too": 3}), ["--model", "deit-t", "--mode", "timing", "--pe.too", "3"]),
            (lambda: heatvit.latency("deit-t", {"pe.to": 0}), ["--model", "deit-t", "--mode", "timing", "--pe.to", "0"]),
            (lambda: heatvit.latency("deit-t", prune_rates=[.5, .3, .2]),
             ["--model", "deit-t", "--mode", "timing", "--prune-rates", "0.5,0.3,0.2"]),
            (lambda: heatvit.latency("deit-t", {"pe.to": 512}), ["--model", "deit-t", "--mode", "timing", "--pe.to", "512"]),
            (lambda: heatvit.Simulator("deit-t").run([picture]), ["--model", "deit-t", "--image", picture]),
            (lambda: heatvit.Simulator("deit-micro").run(["/no/such.jpg"]), ["--model", "deit-micro", "--image", "/no/such.jpg"]),
            (lambda: heatvit.Simulator("deit-t", weights="/no/such").run([picture]),
             ["--model", "deit-t", "--weights", "/no/such", "--image", picture]),
        ):
            with self.assertRaises(heatvit.InputError) as raised:
                call()
            self.assertEqual(str(raised.exception), complaint(*line))
            self.assertIsInstance(raised.exception, ValueError)
        with self.assertRaisesRegex(heatvit.InputError, "^sweep:.*there is no parameter 'pe.too'"):
            heatvit.sweep({"pe.too": [1]}, "deit-t")
        with self.assertRaisesRegex(heatvit.InputError, "design 1: .*pe.to"):
            heatvit.latency("deit-t", [{}, {"pe.to": 0}], jobs=2)

    def test_warnings(self):
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            heatvit.latency("deit-t", {"tile.n": 40})
        self.assertTrue(any(issubclass(w.category, heatvit.HeatvitWarning) and "tile.n" in str(w.message) for w in seen))

    def test_a_process_that_dies(self):
        def children():
            return [int(word) for word in subprocess.run(["ps", "-o", "pid=", "--ppid", str(os.getpid())], capture_output=True,
                                                         text=True).stdout.split()]

        before = set(children())
        with heatvit.Simulator("deit-micro") as sim:
            cycles = sim.run(PICTURES[:1]).cycles[0]

            def kill():
                for child in set(children()) - before:
                    try:
                        os.kill(child, signal.SIGKILL)
                    except ProcessLookupError:  # ps itself
                        pass

            kill()  # idle: another one takes its place
            time.sleep(0.1)
            self.assertEqual(sim.run(PICTURES[:1]).cycles[0], cycles)
            timer = threading.Timer(1, kill)
            timer.start()
            with self.assertRaisesRegex(heatvit.SimulationError, "the worker process was killed by signal 9"):
                sim.run(PICTURES * 2000)
            timer.join()
            self.assertEqual(sim.run(PICTURES[:1]).cycles[0], cycles)

    def test_interrupt(self):
        script = ("import sys; sys.path.insert(0, sys.argv[1]); import heatvit; print('begin', flush=True)\n"
                  "try:\n    heatvit.Simulator('deit-micro', jobs=2).run(sys.argv[2:] * 2000)\n"
                  "except KeyboardInterrupt:\n    print('interrupted', flush=True)")
        child = subprocess.Popen([sys.executable, "-c", script, PACKAGES, *map(str, PICTURES)], stdout=subprocess.PIPE,
                                 text=True, start_new_session=True)
        self.assertEqual(child.stdout.readline(), "begin\n")
        time.sleep(1.5)
        begin = time.monotonic()
        os.killpg(child.pid, signal.SIGINT)
        self.assertEqual(child.stdout.read(), "interrupted\n")
        child.stdout.close()
        child.wait()
        self.assertLess(time.monotonic() - begin, 20)
        for _ in range(100):  # nothing of it goes on
            alive = subprocess.run(["ps", "-o", "pid=", "-g", str(child.pid)], capture_output=True, text=True).stdout.split()
            if not alive:
                break
            time.sleep(0.1)
        self.assertEqual(alive, [])

    def test_a_fork_of_python_has_designs_of_its_own(self):
        with heatvit.Simulator("deit-micro") as sim:
            cycles = sim.run(PICTURES[:1]).cycles[0]
            process = os.fork()
            if process == 0:
                os._exit(0 if sim.run(PICTURES[:1]).cycles[0] == cycles else 1)
            self.assertEqual(os.waitpid(process, 0)[1], 0)
            self.assertEqual(sim.run(PICTURES[:1]).cycles[0], cycles)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[4:]])
