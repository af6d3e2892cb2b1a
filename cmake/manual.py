#!/usr/bin/env python3
"""Manual page and completion for bash, from what the program says of itself: manual.py RUN_SIM man|bash.

`run_sim --help` lists the commands, `run_sim COMMAND --help` is made of the command's table of options, `run_sim list --json`
of the table of parameters. Nothing is written here by hand but the frame.
"""

import json
import re
import subprocess
import sys


def ask(program, *words):
    return subprocess.run([program, *words], check=True, capture_output=True, text=True).stdout


def commands_of(program):
    """{name: line}, from the end of the program's help."""
    text = ask(program, "--help").split("\nCommands (each with --help)\n")[1]
    return dict(re.findall(r"^  (\S+) +(.*)$", text, re.M))


def options_of(help_text):
    """[(name, argument or "")] of a help text."""
    found = re.findall(r"^  --([a-z0-9][a-z0-9-]*)(?: ([A-Z][^ ]*|[a-z]+:[A-Z]+))?(?:  |$| )", help_text, re.M)
    return [(name, argument) for name, argument in found]


def roff(text):
    lines = [line.replace("\\", r"\e").replace("-", r"\-") for line in text.splitlines()]
    return "\n".join(r"\&" + line if line.startswith((".", "'")) else line for line in lines)


def manual(program):
    version = ask(program, "--version").split()[-1]
    listing = json.loads(ask(program, "list", "--json"))
    commands = commands_of(program)
    parts = [f'.TH RUN_SIM 1 "" "HeatViT simulator {version}" "User Commands"',
             ".SH NAME", r"run_sim \- simulate the HeatViT accelerator of vision transformers",
             ".SH SYNOPSIS", r".B run_sim", r".RI [ command ] " + r"[ options ]",
             ".SH DESCRIPTION",
             "Vision transformers whose unimportant tokens are dropped on the way, in 8\\-bit integers, on a simulated FPGA:",
             "classes of photographs, cycles, traffic, resources and energy.", "The commands are:"]
    for name, line in commands.items():
        parts += [".TP", rf".B {roff(name)}", roff(line)]
    for name in commands:
        text = ask(program, name, "--help").split("\nCommands (each with --help)\n")[0]
        parts += [f".SH COMMAND {roff(name.upper())}", ".nf", roff(text.strip("\n")), ".fi"]
    parts += [".SH HARDWARE PARAMETERS", "Each is an option and a line of a configuration file."]
    for row in listing["parameters"]:
        allowed = ", ".join(row["choices"]) if "choices" in row else row.get("text") or f"{row['minimum']:.10g} to {row['maximum']:.10g}"
        unit = f" {row['unit']}" if row["unit"] else ""
        parts += [".TP", rf".B \-\-{roff(row['key'])}", roff(f"{row['help']}; {allowed}{unit}, default {row['default']}")]
    parts += [".SH EXIT STATUS", "0 done; 1 internal error or a failed write; 2 something is wrong with the input, said in one line;",
              "3 results differ (compare, rerun); 128 and the signal's number when a signal ended it.",
              ".SH FILES", ".TP", ".I /usr/share/heatvit", "configurations, descriptions of networks, what is shipped with them",
              ".SH ENVIRONMENT", ".TP", ".B HEATVIT_HOME", "the folder that holds configs/ and models/"]
    return "\n".join(parts) + "\n"


def completion(program):
    listing = json.loads(ask(program, "list", "--json"))
    commands = commands_of(program)
    parameters = {row["key"]: row.get("choices", []) for row in listing["parameters"]}
    options, takes_parameters, files = {}, set(), set()
    for name in commands:
        text = ask(program, name, "--help")
        found = options_of(text)
        options[name] = [option for option, _ in found]
        files |= {option for option, argument in found if argument and argument.split("|")[-1] in ("FILE", "CSV", "DIR", "PAGE")}
        if re.search(r"^  --?KEY VALUE", text, re.M) or "KEY VALUE" in text:
            takes_parameters.add(name)
    models = " ".join(row["name"] for row in listing["models"])
    lines = ["# bash completion for run_sim, made by cmake/manual.py from the program's tables", "_run_sim() {",
             "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} command=run",
             f"  case ${{COMP_WORDS[1]}} in {'|'.join(commands)}) command=${{COMP_WORDS[1]}} ;; esac", "  case $before in",
             f"    --model) COMPREPLY=($(compgen -W '{models}' -- \"$word\") $(compgen -f -X '!*.json' -- \"$word\")); return ;;",
             "    --mode) COMPREPLY=($(compgen -W 'functional timing analytic float' -- \"$word\")); return ;;",
             "    --scorer) COMPREPLY=($(compgen -W 'heatvit cls-attention evit dynamicvit tome random none' -- \"$word\")); return ;;"]
    lines += ["    --package) COMPREPLY=($(compgen -W 'on off' -- \"$word\")); return ;;"]
    lines += [f"    --{key}) COMPREPLY=($(compgen -W '{' '.join(choices)}' -- \"$word\")); return ;;"
              for key, choices in parameters.items() if choices]
    lines += [f"    {'|'.join('--' + name for name in sorted(files - {'model'}))}) COMPREPLY=($(compgen -f -- \"$word\")); return ;;", "  esac",
              "  local known=", "  case $command in"]
    for name in commands:
        known = ["--" + option for option in options[name]]
        if name in takes_parameters:
            known += ["--" + key for key in parameters]
        lines.append(f"    {name}) known='{' '.join(known)}' ;;")
    lines += ["  esac", "  if [[ $word == -* ]]; then", "    COMPREPLY=($(compgen -W \"$known\" -- \"$word\"))",
              "  elif ((COMP_CWORD == 1)); then", f"    COMPREPLY=($(compgen -W '{' '.join(commands)}' -- \"$word\"))",
              "  else", "    COMPREPLY=($(compgen -f -- \"$word\"))", "  fi", "}", "complete -o filenames -F _run_sim run_sim"]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write({"man": manual, "bash": completion}[sys.argv[2]](sys.argv[1]))
