#!/usr/bin/python3
"""Runs what the documentation's tutorials tell to type, and holds the output against what they show.

usage: tutorials.py RUN_SIM PAGE... [--record]
Of each page (Markdown) the blocks marked sh run in one shell, in a folder that looks like the project's; a block marked
text right behind one is what it prints. --record writes what was printed into the pages. Exits with 77, which stands for
skipped, where a block needs=torch and there is none.
"""
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BLOCK = re.compile(r'```sh([^\n]*)\n(.*?)```\n(?:\n```text\n(.*?)```\n)?', re.S)
SKIPPED = 77


def folder_like_the_project(program):
    folder = tempfile.mkdtemp(prefix='heatvit-tutorial-')
    for name in os.listdir(ROOT):
        if name not in ('build', '.git', 'run_sim.sh'):
            os.symlink(os.path.join(ROOT, name), os.path.join(folder, name))
    with open(os.path.join(folder, 'run_sim.sh'), 'w') as script:
        script.write(f'#!/bin/sh\nexec "{program}" "$@"\n')
    os.chmod(os.path.join(folder, 'run_sim.sh'), 0o755)
    return folder


def run(block, folder):
    environment = dict(os.environ, HEATVIT_HOME=ROOT, PYTHONDONTWRITEBYTECODE='1')
    done = subprocess.run(['bash', '-eu', '-c', block], cwd=folder, env=environment,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=600)
    return done.returncode, done.stdout, done.stderr


def check(page, program, record):
    with open(page) as file:
        text = file.read()
    folder = folder_like_the_project(program)
    pieces, end, failures = [], 0, 0
    for match in BLOCK.finditer(text):
        options, block, shown = match.groups()
        if 'needs=torch' in options and subprocess.run(['/usr/bin/python3', '-c', 'import torch'],
                                                       stderr=subprocess.DEVNULL).returncode:
            print('skipped: needs python3-torch')
            sys.exit(SKIPPED)
        code, out, err = run(block, folder)
        if code != 0 or 'run_sim: error' in err:  # a pipe hides its first program's code
            print(f'{page}: exit code {code} of\n{block}{out}{err}')
            failures += 1
        elif not record and out != (shown or ''):
            print(f'{page}: shows\n{shown or ""}but it is\n{out}')
            failures += 1
        pieces += [text[end:match.start()], f'```sh{options}\n{block}```\n']
        if out:
            pieces.append(f'\n```text\n{out}```\n')
        end = match.end()
    if record and not failures:
        with open(page, 'w') as file:
            file.write(''.join(pieces) + text[end:])
    return failures


def main():
    pages = [a for a in sys.argv[1:] if a != '--record']
    if len(pages) < 2:
        sys.exit(__doc__)
    program = os.path.abspath(pages.pop(0))
    sys.exit(1 if sum(check(page, program, '--record' in sys.argv) for page in pages) else 0)


if __name__ == '__main__':
    main()
