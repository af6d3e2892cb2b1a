#!/usr/bin/env python3
"""clang-tidy over our own code: tidy.py BUILD [--all]. Prints what it finds; exit code 1 if it finds anything.

Reads the compile commands of a build folder. That of run_checks.sh joins the sources of a library (CMake's unity build), so
that headers are parsed once for several of them. Where something is found, the sources are looked at one by one: it may be that
two of them have a name for themselves and cannot be joined. --all: the tests too, and the static analyzer.
"""
import json
import os
import re
import shlex
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

FOREIGN = ('stb.cpp', 'assets.cpp')  # another project's code; files packed as text
everything = '--all' in sys.argv
build = os.path.abspath(sys.argv[1])


def tidy(file, flags=None):
    command = ['clang-tidy-14', '--quiet', file]
    if everything:
        command.insert(1, '--checks=clang-analyzer-*')
    command += ['--'] + flags if flags else ['-p', build]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + '\n'.join(line for line in done.stderr.splitlines() if 'generated' not in line)


def sources_of(file):
    if '/Unity/' not in file:
        return [file]
    with open(file, encoding='utf-8') as text:
        return re.findall(r'#include "([^"]+)"', text.read())


def flags_of(entry):
    words = shlex.split(entry['command'])
    return [w for w in words[1:] if re.match(r'-(D|I|std|march|W)', w)] + [
        x for i, w in enumerate(words[:-1]) if w == '-isystem' for x in (w, words[i + 1])]


def look_at(entry):
    code, text = tidy(entry['file'])
    sources = sources_of(entry['file'])
    if code == 0 or len(sources) == 1:
        return code, text
    results = [tidy(source, flags_of(entry)) for source in sources]
    return max(code for code, _ in results), ''.join(text for _, text in results)


def main():
    with open(build + '/compile_commands.json', encoding='utf-8') as file:
        entries = [e for e in json.load(file) if not e['file'].endswith(FOREIGN + ('.c',))]
    if not everything:
        entries = [e for e in entries if '/tests/' not in e['file'].replace(build, '')]
    entries.reverse()  # the program's own sources include most and take longest
    begin, found = time.time(), []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for code, text in pool.map(look_at, entries):
            if code:
                found.append(text)
    lines = []  # a header's finding appears in every file that includes it
    for text in found:
        for block in re.split(r'\n(?=/)', text):
            if block.strip() and block not in lines:
                lines.append(block)
    print('\n'.join(lines))
    count = len([block for block in lines if re.search(r'(warning|error):', block)])
    print(f'clang-tidy: {len(entries)} units, {count} findings, {time.time() - begin:.0f} s')
    return 1 if found else 0


sys.exit(main())
