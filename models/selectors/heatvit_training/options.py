"""Command lines of the scripts: the options they share, and how they end."""

import argparse
import os
import sys


def parser_of(description, epilog="", images=True):
    """A parser that has the network and, where `images`, its weights and images."""
    parser = argparse.ArgumentParser(
        description=description, epilog=epilog, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="deit-t", help="a network of models/zoo, or a description FILE.json (default %(default)s)")
    if images:
        parser.add_argument("--weights", required=True, help="the backbone: safetensors, timm's names")
        parser.add_argument("--images", required=True, help="folder of images")
    return parser


def add_training(parser):
    parser.add_argument("--labels", default="", help="CSV file,class: the split is by class (default: no labels, a split by image)")
    parser.add_argument("--table", default="", help="latency table of `run_sim table` (default, where a latency is wanted: simulated, into --out)")
    add_program(parser)
    parser.add_argument("--target-ms", type=float, default=0.0, help="mean latency wanted, milliseconds")
    parser.add_argument("--out", required=True, help="folder for the results")
    parser.add_argument("--first", type=int, default=4, help="block up to which crops are computed once (default %(default)s)")
    parser.add_argument("--validation-share", type=float, default=0.3, help="of the classes (default %(default)s)")
    parser.add_argument("--cache", default="", help="folder that keeps the crops' features between runs")
    parser.add_argument("--seed", type=int, default=1, help="of split, weights and samples (default %(default)s)")
    parser.add_argument("--threads", type=int, default=2, help="default %(default)s")


def expect_latency(options):
    """--target-ms is there, and is one that pruning can reach; --table is, or is made in --out."""
    from . import simulation
    from .latency_table import LatencyTable

    if not options.target_ms:
        raise ValueError("--target-ms is needed")
    os.makedirs(options.out, exist_ok=True)
    options.table = options.table or simulation.latency_table(options.run_sim, options.model, options.out)
    LatencyTable(options.table, ()).expect_below_dense(options.target_ms)


def add_program(parser):
    parser.add_argument("--run-sim", default="", help="the program whose Python package simulates (default: the package on Python's "
                        "path, else that of the run_sim on PATH, else of this checkout, which is built)")


def add_simulator(parser):
    add_program(parser)
    parser.add_argument("--selectors", required=True, help="trained selectors")
    parser.add_argument("--list", default="", help="CSV whose column `file` names the images to use (default: all)")
    parser.add_argument("--jobs", type=int, default=1, help="processes that simulate (default %(default)s)")


def exit_code_of(script, body, interrupted=""):
    """Runs body(): 0; 2 and one line for what is wrong with the input; 130 after Ctrl-C."""
    try:
        body()
    except Exception as error:
        simulator = sys.modules.get("heatvit")
        if not isinstance(error, (ValueError, KeyError, OSError)) and not (simulator and isinstance(error, simulator.Error)):
            raise
        print(f"{script}: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"\n{script}: interrupted{interrupted}", file=sys.stderr)
        return 130
    return 0
