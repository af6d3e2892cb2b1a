"""Command lines of the scripts: the options they share, and how they end."""

import argparse
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


def parser_of(description, epilog=""):
    """A parser that has the network and the images."""
    parser = argparse.ArgumentParser(
        description=description, epilog=epilog, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="deit-t", help="a network of models/zoo, or a description FILE.json (default %(default)s)")
    parser.add_argument("--weights", required=True, help="the backbone: safetensors, timm's names")
    parser.add_argument("--images", required=True, help="folder of images")
    return parser


def add_training(parser):
    parser.add_argument("--labels", default="", help="CSV file,class: the split is by class (default: no labels, a split by image)")
    parser.add_argument("--table", default="", help="latency table of `run_sim table`")
    parser.add_argument("--target-ms", type=float, default=0.0, help="mean latency wanted, milliseconds")
    parser.add_argument("--out", required=True, help="folder for the results")
    parser.add_argument("--first", type=int, default=4, help="block up to which crops are computed once (default %(default)s)")
    parser.add_argument("--validation-share", type=float, default=0.3, help="of the classes (default %(default)s)")
    parser.add_argument("--cache", default="", help="folder that keeps the crops' features between runs")
    parser.add_argument("--seed", type=int, default=1, help="of split, weights and samples (default %(default)s)")
    parser.add_argument("--threads", type=int, default=2, help="default %(default)s")


def expect_latency(options):
    """--table and --target-ms are there, and the latency is one that pruning can reach."""
    from latency_table import LatencyTable

    if not options.table or not options.target_ms:
        raise ValueError("--table and --target-ms are needed")
    LatencyTable(options.table, ()).expect_below_dense(options.target_ms)


def add_program(parser):
    found = shutil.which("run_sim") or os.path.normpath(os.path.join(HERE, "..", "..", "..", "run_sim.sh"))
    parser.add_argument("--run-sim", default=found, help="the program (default %(default)s)")


def add_simulator(parser):
    add_program(parser)
    parser.add_argument("--selectors", required=True, help="trained selectors")
    parser.add_argument("--list", default="", help="CSV whose column `file` names the images to use (default: all)")
    parser.add_argument("--jobs", type=int, default=1, help="processes of run_sim (default %(default)s)")


def exit_code_of(script, body, interrupted=""):
    """Runs body(): 0; 2 and one line for what is wrong with the input; 130 after Ctrl-C."""
    try:
        body()
    except (ValueError, KeyError, OSError, subprocess.CalledProcessError) as error:
        print(f"{script}: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"\n{script}: interrupted{interrupted}", file=sys.stderr)
        return 130
    return 0
