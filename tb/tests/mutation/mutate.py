#!/usr/bin/python3
"""Mutation testing: changes one operator, constant or line of our own sources at a time, builds, runs the tests of that
folder, and reports what nobody noticed.

usage: mutate.py [--count N] [--seed N] [--work DIR] [--only PATH]... [--log F] [--list]

The sources (accel/, models/, tb/explore, tb/report; C++ that is compiled once, so no headers but the kernels') are copied to
DIR/src and built in DIR/build, a minute or so the first time with ccache. A mutant that does not compile is drawn again; one
whose tests fail, crash or do not end is killed; the others survive and are printed as a diff. --log has a line for each, and
a call with the same --log goes on behind it. Exit code 0: at least 90 % were killed.
"""
import argparse
import json
import os
import random
import re
import shutil
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

# Tests of a folder: programs, and what they are called with where not all of it is needed. Quick ones first: the first that
# fails ends the mutant's life. GOLDEN: the recorded runs.
GOLDEN = 'golden'
TESTS = {
    'accel/isa': ['isa', 'command_text', 'command_lists', 'soc', GOLDEN],
    'accel/kernels': ['kernels', 'hls', 'dataflow', GOLDEN],
    'accel/modules': ['operation', 'host', 'overlap', 'chain', 'dataflow', 'soc', GOLDEN],
    'accel/hls': ['hls', 'hls_top', 'hls_top_small'],
    'accel/soc': ['soc', 'hardware', 'host', 'batch', 'memory', 'memory_cli', GOLDEN],
    'models/zoo': ['zoo', 'weights', 'networks_cli', GOLDEN],
    'models/weights': ['weights', 'checkpoints', 'import'],
    'models/network': ['weights', 'checkpoints', 'import', 'networks_cli', 'networks'],
    'models/preprocess': ['preprocess'],
    'models/reference': ['integer', 'float', 'torch', 'micro'],
    'models/quant': ['quant', 'integer', 'micro'],
    'models/lower': ['isa', 'soc', 'dataflow', 'chain', GOLDEN],
    'tb/explore': ['tb', 'explore', 'servers', 'design', 'points_cli', 'what_if'],
    'tb/report': ['tb', 'cli', 'html', 'timeline', 'what_if', GOLDEN],
}
TIMEOUT_S = 240  # of a test; several times what the slowest takes on a busy machine

SWAPS = [(r'(?<![<>=!\-])<=(?!>)', '<'), (r'(?<![<>=!\-])>=', '>'), (r' < ', ' <= '), (r' > ', ' >= '), ('==', '!='), ('!=', '=='),
         (r' \+ ', ' - '), (r' - ', ' + '), (r' \* ', ' / '), (r' / ', ' * '), (r' % ', ' / '), ('&&', '||'), (r'\|\|', '&&'),
         (r'\+=', '-='), ('-=', '+='), (r'\bmin\(', 'max('), (r'\bmax\(', 'min('), (r'\bmin\(\{', 'max({'),
         (r'\btrue\b', 'false'), (r'\bfalse\b', 'true'), (r' >> ', ' << '), (r' << (?=[\w(])', ' >> '),
         (r' & ', ' | '), (r' \| ', ' & '), (r'(?<=[(\s])!(?=[\w(])', '')]


def without_strings(line):
    """The line with literals and comments blanked, so that columns stay."""
    line = re.sub(r'"(\\.|[^"\\])*"|\'(\\.|[^\'\\])*\'', lambda m: ' ' * len(m.group()), line)
    return re.sub(r'//.*', lambda m: ' ' * len(m.group()), line)


def mutations(line):
    """Every changed form of a line of code."""
    code = without_strings(line)
    if re.match(r'\s*(#|using |namespace |template|static_assert|class |struct |enum |\}|//|friend |typedef |extern )', line):
        return []
    forms = []
    for pattern, other in SWAPS:
        for m in re.finditer(pattern, code):
            if pattern in (r' << (?=[\w(])', r' < ', r' > ') and re.search(r'std::|cout|stream|vector<|array<|cast<|map<', code):
                continue
            forms.append(line[:m.start()] + other + line[m.end():])
    for m in re.finditer(r'(?<![\w.])(\d+)(?![\w.])', code):
        forms.append(line[:m.start()] + str(int(m.group(1)) + 1) + line[m.end():])
        if int(m.group(1)) > 1:
            forms.append(line[:m.start()] + str(int(m.group(1)) - 1) + line[m.end():])
    statement = code.strip()
    if statement.endswith(';') and re.match(r'[\w.>\[\]()\-*:]+(\s*[-+|&^]?=[^=]|\(|\+\+;|--;)', statement) and '{' not in code \
            and not re.match(r'(return|const|auto|using|throw|break|continue|delete|int|double|float|bool|size_t|uint|std::\w+<)', statement):
        forms.append(line[:len(line) - len(line.lstrip())] + ';')
    return [f for f in forms if f != line]


def folder_of(path):
    return max((f for f in TESTS if path.startswith(f + '/')), key=len, default=None)


def sources(only):
    listed = subprocess.run(['git', 'ls-files'], cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout.decode().split()
    return [p for p in listed if folder_of(p) and (p.endswith('.cpp') or p.startswith('accel/kernels/') and p.endswith('.h'))
            and (not only or any(p.startswith(o) for o in only))]


class Workshop:
    def __init__(self, folder):
        self.source, self.build = os.path.join(folder, 'src'), os.path.join(folder, 'build')
        os.makedirs(self.source, exist_ok=True)
        listed = subprocess.run(['git', 'ls-files', '-z'], cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout.decode().split('\0')
        for path in filter(None, listed):
            good, copy = os.path.join(ROOT, path), os.path.join(self.source, path)
            if not os.path.exists(copy) or open(good, 'rb').read() != open(copy, 'rb').read():
                os.makedirs(os.path.dirname(copy), exist_ok=True)
                shutil.copy2(good, copy)
        self.run(['cmake', '-S', self.source, '-B', self.build, '-G', 'Ninja', '-DCMAKE_BUILD_TYPE=Release', '-DHEATVIT_TESTS=ON',
                  '-DCMAKE_CXX_FLAGS_RELEASE=-O1', '-DCMAKE_DISABLE_FIND_PACKAGE_pybind11=ON'], 600)
        made = subprocess.run(['ninja', '-C', self.build, '-t', 'targets', 'all'], stdout=subprocess.PIPE).stdout.decode()
        self.programs = {m.group(2): m.group(1) for m in re.finditer(r'^(tb/tests/\S*/test_(\w+)): ', made, re.M)}
        self.environment = dict(os.environ, HEATVIT_HOME=self.source, HEATVIT_CACHE='')

    def run(self, command, seconds):
        try:
            return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=seconds, cwd=self.build
                                  if os.path.isdir(self.build) else self.source,
                                  env=getattr(self, 'environment', None)).returncode
        except subprocess.TimeoutExpired:
            return -1

    def compile(self, tests):
        targets = ['run_sim'] + [self.programs[t] for t in tests if t in self.programs]
        return self.run(['ninja', '-C', self.build] + targets, 3600) == 0

    def noticed_by(self, tests):
        for test in tests:
            if test == GOLDEN:
                command = ['python3', os.path.join(self.source, 'tb/tests/golden/golden.py'), os.path.join(self.build, 'bin/run_sim'),
                           '--jobs', '2']
            elif test in self.programs:
                command = [os.path.join(self.build, self.programs[test]), '--gtest_fail_fast']
            else:
                continue
            if self.run(command, TIMEOUT_S) != 0:
                return test
        return None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--count', type=int, default=300)
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--work', default=os.path.join(ROOT, 'build', 'mutation'))
    parser.add_argument('--only', action='append', default=[], help='a folder or file')
    parser.add_argument('--log', help='a line of JSON for each mutant; goes on where it ends')
    parser.add_argument('--list', action='store_true', help='the mutants, nothing built')
    arguments = parser.parse_args()
    draw = random.Random(arguments.seed)
    lines = []  # of all files alike: a file counts by its length
    for path in sources(arguments.only):
        with open(os.path.join(ROOT, path)) as file:
            lines += [(path, i, line.rstrip('\n')) for i, line in enumerate(file) if mutations(line.rstrip('\n'))]
    draw.shuffle(lines)
    mutants = [(path, i, line, draw.choice(mutations(line))) for path, i, line in lines]
    if arguments.list:
        for path, i, line, form in mutants[:arguments.count]:
            print(f'{path}:{i + 1}\n-{line}\n+{form}')
        return 0
    results = {}
    if arguments.log and os.path.exists(arguments.log):
        with open(arguments.log) as file:
            results = {(r['path'], r['line']): r for r in map(json.loads, file)}
    shop = Workshop(arguments.work)
    everything = sorted({t for tests in TESTS.values() for t in tests} & set(shop.programs))
    if not shop.compile(everything):
        print('mutate.py: the sources do not build', file=sys.stderr)
        return 1
    broken = [t for t in everything + [GOLDEN] if shop.noticed_by([t])]
    if broken:
        print(f'mutate.py: fails without a change: {" ".join(broken)}', file=sys.stderr)
        return 1
    judged = killed = 0
    for path, i, line, form in mutants:
        if judged == arguments.count:
            break
        result = results.get((path, i))
        if result is None:
            begin = time.time()
            copy = os.path.join(shop.source, path)
            with open(copy) as file:
                text = file.read().split('\n')
            text[i] = form
            with open(copy, 'w') as file:
                file.write('\n'.join(text))
            tests = TESTS[folder_of(path)]
            built = shop.compile(tests)
            by = shop.noticed_by(tests) if built else None
            shutil.copy(os.path.join(ROOT, path), copy)
            result = {'path': path, 'line': i, 'old': line, 'new': form, 'built': built, 'by': by,
                      'seconds': round(time.time() - begin)}
            if arguments.log:
                with open(arguments.log, 'a') as file:
                    file.write(json.dumps(result) + '\n')
        if not result['built']:
            continue
        judged += 1
        killed += result['by'] is not None
        verdict = f'killed by {result["by"]}' if result['by'] else 'SURVIVES'
        print(f'{judged}: {path}:{i + 1}: {verdict}, {result["seconds"]} s', flush=True)
        if not result['by']:
            print(f'  -{line.strip()}\n  +{result["new"].strip()}', flush=True)
    print(f'{killed} of {judged} killed ({100 * killed / max(judged, 1):.1f} %)')
    return 0 if killed >= 0.9 * judged else 1


if __name__ == '__main__':
    sys.exit(main())
