#!/usr/bin/python3
"""What each pruning policy costs on a model's hardware at the same rates: cycles by unit, energy, and the logic that it uses.

Timing mode, no images and no weights. --page writes the tables between the lines <!-- costs: NAME --> and <!-- end --> of a page
(docs/policies.md: cycles, logic).
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from heatvit_training import options as command_line  # noqa: E402

EPILOG = """example:
  costs.py --page docs/policies.md
"""

# Name in the table, options of the simulator.
POLICIES = (
    ("unpruned", None), ("random", {"scorer": "random"}), ("cls-attention", {"scorer": "cls-attention"}), ("evit", {"scorer": "evit"}),
    ("tome", {"scorer": "tome"}), ("heatvit", {}), ("heatvit, `--package off`", {"package": "off"}), ("dynamicvit", {"scorer": "dynamicvit"}),
    ("dynamicvit, `--package on`", {"scorer": "dynamicvit", "package": "on"}),
    ("cls-attention, `--package off`", {"scorer": "cls-attention", "package": "off"}))

# Modules of the resource report that a policy's logic is, besides those of all: scores (their memory), ranking, addressing, control.
PAIRS = "softmax of pairs"
ALL = ("scores", "ranking", "packaging", "addressing", "control")
LOGIC = (
    ("random", {"scorer": "random"}, (*ALL, "random scores")),
    ("cls-attention", {"scorer": "cls-attention"}, ALL),
    ("evit", {"scorer": "evit"}, (*ALL, "given divisor")),
    ("heatvit", {}, (*ALL, "sigmoid", "means", PAIRS)),
    ("dynamicvit", {"scorer": "dynamicvit"}, (*ALL, "means", PAIRS)),
    ("tome", {"scorer": "tome"}, (*ALL, "partners", "merging", "softmax by size")),
)
UNITS = (("selector", "token selector"), ("pe", "PE array"), ("vector", "vector unit"))
KINDS = (("dsp", "DSP"), ("bram18", "BRAM18K"), ("lut", "LUT"), ("ff", "FF"))


def parse_arguments(arguments):
    parser = command_line.parser_of(__doc__, EPILOG, images=False)
    command_line.add_program(parser)
    parser.add_argument("--rates", default="0.3,0.51,0.657", help="share of the patches gone after each selector (default %(default)s)")
    parser.add_argument("--page", default="", help="a page whose tables are replaced (default: they are printed)")
    return parser.parse_args(arguments)


def report_of(heatvit, model, rates, options):
    pruned = {"scorer": "none"} if options is None else {"prune_rates": rates, **options}
    with heatvit.Simulator(model, mode="timing", **pruned) as design:
        return design.run().report


def cycles_row(name, report):
    operations = report["breakdown"]
    selector = sum(row["cycles"] for row in operations if row["op"].startswith("sel_"))
    busy = [sum(row["units"].get(unit, {}).get("busy", 0) for row in operations) for unit, _ in UNITS]
    image = report["images"][0]
    numbers = [f"{selector:,}" if selector else "", *(f"{count:,}" if count else "" for count in busy)]
    return [name, f"{report['summary']['gmacs_mean']:.3f}", f"{image['cycles']:,}", f"{image['latency_ms']:.3f}", *numbers,
            f"{report['energy_mj']:.2f}"]


def modules_of(report):
    """{name: row} of the modules that are there for pruning alone."""
    return {row["module"].split(": ")[1]: row for row in report["resources"]["modules"]
            if row["module"].startswith("selector: ") or row["module"].endswith("by size")}


def logic_row(name, report, used):
    """Sums over the modules that the policy uses. Softmax of pairs has a module only where dividers are pipelined."""
    modules = modules_of(report)
    used = [part for part in used if part in modules or part != PAIRS]
    return [name, ", ".join(used[len(ALL):]), *(f"{sum(modules[part][kind] for part in used):,}" for kind, _ in KINDS)]


def own_rows(report, names):
    modules = modules_of(report)
    return [[f"`{modules[name]['module']}`", "", *(f"{modules[name][kind]:,}" for kind, _ in KINDS)] for name in names
            if name in modules or name != PAIRS]


def table(head, rows):
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, ["---"] * len(head), *rows)) + "\n"


def tables(heatvit, model, rates):
    cycles = [cycles_row(name, report_of(heatvit, model, rates, options)) for name, options in POLICIES]
    logic, own = [], []
    for name, options, used in LOGIC:
        report = report_of(heatvit, model, rates, options)
        logic.append(logic_row(name, report, used))
        own += own_rows(report, {"evit": ("given divisor",), "tome": used[len(ALL):]}.get(name, ()))
    report = report_of(heatvit, model, rates, {})
    own = own_rows(report, (*ALL, "random scores", "sigmoid", "means", PAIRS)) + own
    whole = ["the whole design, `--scorer heatvit`", "", *(f"{report['resources'][kind]:,}" for kind, _ in KINDS)]
    return {"cycles": table(["", "GMAC", "cycles", "ms", "selector, cycles", *(f"{name}, busy" for _, name in UNITS), "mJ"], cycles),
            "logic": table(["", "uses besides", *(name for _, name in KINDS)], [*logic, *own, whole])}


def measure(options):
    from heatvit_training import page, simulation

    found = tables(simulation.package(options.run_sim), options.model, [float(word) for word in options.rates.split(",")])
    if options.page:
        page.write_tables(options.page, found, "costs")
    else:
        print("\n".join(found.values()))


def main(arguments=None):
    options = parse_arguments(arguments)
    return command_line.exit_code_of("costs.py", lambda: measure(options))


if __name__ == "__main__":
    sys.exit(main())
