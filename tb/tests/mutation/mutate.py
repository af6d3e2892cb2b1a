#!/usr/bin/python3
"""Mutation testing: changes one operator, constant or line of our own sources at a time, builds, runs the tests of that
folder, and reports what nobody noticed.

usage: mutate.py [--count N] [--seed N] [--jobs N] [--work DIR] [--only PATH]... [--log F] [--list] [--together N]

The sources (accel/, models/, tb/explore, tb/report; C++ that is compiled once, so no headers but the kernels') are copied to
DIR/0 and built there (with --jobs in DIR/1 and so on, too), minutes the first time. The quickest test of a folder is built and
run first. A mutant that does not compile is drawn again; one whose tests fail, crash or do not end is killed; the others
survive and are printed as a diff. --together builds N mutants at once, of which HEATVIT_MUTANT in the environment chooses one: a
build of all in place of one each. What cannot stand beside its good form (a constant of the compiler's, a statement over several
lines) is built alone, as without it. --log has a line for each, and a call with the same --log goes on behind it. Exit code 0: at least 90 % were killed.
"""
import argparse
import json
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

# Tests of a folder: programs. The quickest is run first; the first that fails ends the mutant's life. GOLDEN: the recorded
# runs, a few first.
GOLDEN, SOME_GOLDEN = 'golden', 'golden deit-micro'
TESTS = {
    'accel/isa': ['isa', 'command_text', 'command_lists', 'soc', GOLDEN],
    'accel/kernels': ['kernels', 'hls', 'dataflow', 'hls_top', GOLDEN],
    'accel/modules': ['operation', 'host', 'overlap', 'chain', 'dataflow', 'soc', 'saturation', 'batch', 'bits16', 'hls_vectors', GOLDEN],
    'accel/hls': ['hls', 'hls_top', 'hls_top_small', 'hls_top_shipped'],
    'accel/soc': ['soc', 'hardware', 'host', 'command_lists', 'batch', 'memory', 'memory_cli', GOLDEN],
    'models/zoo': ['zoo', 'weights', 'naming', 'checkpoints', 'networks_cli', GOLDEN],
    'models/weights': ['weights', 'atomic_file', 'naming', 'checkpoints', 'quant', 'import', 'convert'],
    'models/network': ['weights', 'naming', 'checkpoints', 'quant', 'import', 'brought_cli', 'networks_cli', 'networks'],
    'models/preprocess': ['preprocess'],
    'models/reference': ['integer', 'float', 'float_cli', 'quant', 'torch', 'micro'],
    'models/quant': ['quant', 'integer', 'micro'],
    'models/lower': ['isa', 'command_text', 'soc', 'dataflow', 'networks', 'command_lists', 'chain', GOLDEN],
    'tb/explore': ['tb', 'explore', 'servers', 'fingerprint', 'design', 'points_cli', 'what_if'],
    'tb/report': ['tb', 'cli', 'html', 'timeline', 'what_if', 'points_cli', 'brought_cli', GOLDEN],
}

# Tests of a program that are meant, where others need something else: as its CMakeLists.txt says.
FILTERS = {'hls_top_small': 'HlsTop.Random*:HlsTop.Eight*:HlsTop.LvVit',
           'hls_top_shipped': 'HlsTop.Random*:HlsTop.Deeper*:HlsTop.Chip*'}

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


# -- Several mutants in one build: a line has its good form and another, and a number chooses -------------------------------

# Before a source that has mutants. Chosen before any other code runs; weak, since C++14 knows no inline variables.
CHOICE = '''#include <cstdlib>
__attribute__((weak)) int heatvit_mutant = 0;
__attribute__((constructor(101), used)) static void heatvit_choose_mutant() {
  const char* text = std::getenv("HEATVIT_MUTANT");
  heatvit_mutant = text != nullptr ? std::atoi(text) : 0;
}
#line 1 "%s"
'''

NO_EXPRESSION = re.compile(r'\s*(const|auto|static|constexpr|using|namespace|typedef|extern|struct|class|enum|template|inline|case|default|else|'
                           r'for|if|while|switch|do|goto|public|private)\b')
CHANGES = re.compile(r'(?<![=!<>+\-*/|&^%])=(?!=)|[+\-*/|&^%]=(?!=)|(<<|>>)=|\+\+|--')  # assignments


def balanced(code):
    depth = 0
    for c in code:
        depth += (c in '([{') - (c in ')]}')
        if depth < 0:
            return False
    return depth == 0


def segment(code, begin, end):
    """The expression of the line around begin..end: (first, last), open where the line does not end it. None: there is no such."""
    first, depth = begin, 0
    while first > 0:
        c = code[first - 1]
        if c in ')]}':
            depth += 1
        elif c in '([{':
            if depth == 0:
                break
            depth -= 1
        elif depth == 0:
            before = code[first - 2:first - 1]
            if c in ',;?' or c == ':' and before != ':' and code[first:first + 1] != ':':
                break
            if c == '=' and code[first:first + 1] != '=' and (before not in ('=', '!', '<', '>') or code[first - 3:first - 1] in ('<<', '>>')):
                break
            if re.search(r'\b(return|throw|co_return)$', code[:first]) and not re.match(r'\w', code[first:first + 1]):
                break
        first -= 1
    last, depth = end, 0
    while last < len(code):
        c = code[last]
        if c in '([{':
            depth += 1
        elif c in ')]}':
            if depth == 0:
                break
            depth -= 1
        elif depth == 0 and (c in ',;?' or c == ':' and code[last + 1:last + 2] != ':' and code[last - 1:last] != ':'):
            break
        last += 1
    return (first, last) if depth == 0 else None


def both(lines, number, form, index):
    """The line that is as it was, or, where the mutant is chosen, as `form`; None where that cannot be written."""
    line = lines[number]
    code = without_strings(line)
    comment = len(code.rstrip())
    statement = code.strip()
    before = next((without_strings(l).strip() for l in reversed(lines[:number]) if without_strings(l).strip()), '')
    after = next((without_strings(l).strip() for l in lines[number + 1:] if without_strings(l).strip()), '')
    begins = before == '' or before[-1] in ';{}' or before.startswith('#')
    assigns = re.match(r'[\w.>\[\]()\-*:\s,&]+?([-+*/|&^%]|<<|>>)?=[^=]', statement)
    if statement.endswith(';') and balanced(statement) and begins and not NO_EXPRESSION.match(statement) \
            and (re.match(r'(return\b|\+\+|--|[\w.:>\-\[\]*]+(\(|\+\+|--))', statement)
                 or assigns and not re.match(r'[\w:<>,]+[&*]*\s+[&*]*\w+\s*=', statement)):
        indent = line[:len(line) - len(line.lstrip())]
        other = form[:len(form) - (len(line) - comment)].strip()
        return f'{indent}{{ if (heatvit_mutant == {index}) {{ {other} }} else {{ {line[:comment].strip()} }} }}'
    first = next((i for i, (a, b) in enumerate(zip(line, form)) if a != b), min(len(line), len(form)))
    same = next((i for i, (a, b) in enumerate(zip(line[::-1], form[::-1])) if a != b), min(len(line), len(form)))
    same = min(same, len(line) - first, len(form) - first)
    found = segment(code, first, len(line) - same)
    changes = any(m.start() < len(line) - same and m.end() > first for m in CHANGES.finditer(code))
    if found is None or changes:
        return None
    left, right = found
    if left == 0 and not (before and before[-1] in '(,=?{[' or re.search(r'\breturn$', before)):
        return None
    if right >= comment and not (after and after[0] in '),;?]}'):
        return None
    right = min(right, comment)
    old, new = line[left:right], form[left:len(form) - (len(line) - right)]
    if not old.strip() or not new.strip() or not balanced(without_strings(old)) or NO_EXPRESSION.match(old):
        return None
    return f'{line[:left]} (heatvit_mutant == {index} ? ({new.strip()}) : ({old.strip()})){line[right:]}'


def folder_of(path):
    return max((f for f in TESTS if path.startswith(f + '/')), key=len, default=None)


def tests_of(path):
    tests = TESTS[folder_of(path)]
    return tests + [SOME_GOLDEN] if GOLDEN in tests else tests


def sources(only):
    listed = subprocess.run(['git', 'ls-files'], cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout.decode().split()
    return [p for p in listed if folder_of(p) and (p.endswith('.cpp') or p.startswith('accel/kernels/') and p.endswith('.h'))
            and (not only or any(p.startswith(o) for o in only))]


class Workshop:
    """A copy of the sources with a build of its own, for one mutant at a time."""

    def __init__(self, folder):
        self.source, self.build = folder, os.path.join(folder, 'build', 'tests')
        os.makedirs(self.build, exist_ok=True)
        listed = subprocess.run(['git', 'ls-files', '-z'], cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout.decode().split('\0')
        for path in filter(None, listed):
            good, copy = os.path.join(ROOT, path), os.path.join(self.source, path)
            if not os.path.exists(copy) or open(good, 'rb').read() != open(copy, 'rb').read():
                os.makedirs(os.path.dirname(copy), exist_ok=True)
                shutil.copy(good, copy)  # with a new time: an object may be newer than the good source is
        # Folders and options as CONTRIBUTING.md has them: what ccache has of that build or of another copy, it has of this.
        self.environment = dict(os.environ, HEATVIT_HOME=self.source, HEATVIT_CACHE='', CCACHE_BASEDIR=os.path.abspath(folder))
        linker = ['-DCMAKE_EXE_LINKER_FLAGS=-fuse-ld=lld'] if shutil.which('ld.lld') else []
        self.run(['cmake', '-S', self.source, '-B', self.build, '-G', 'Ninja', '-DCMAKE_BUILD_TYPE=Release', '-DHEATVIT_TESTS=ON',
                  '-DHEATVIT_PYTHON=ON', '-DCMAKE_GTEST_DISCOVER_TESTS_DISCOVERY_MODE=PRE_TEST'] + linker, 600)
        made = subprocess.run(['ninja', '-C', self.build, '-t', 'targets', 'all'], stdout=subprocess.PIPE).stdout.decode()
        self.programs = {m.group(2): m.group(1) for m in re.finditer(r'^(tb/tests/\S*/test_(\w+)): ', made, re.M)}

    def run(self, command, seconds, mutant=0):
        """Exit code and output; the code is -1 where it did not end, and nothing that it began is left. The seconds are of the
        processor, so that a busy machine kills nothing; of the clock they are 20 times as many."""
        def alone():  # a group, not a session: sessions share the processor alike, whatever their niceness
            os.setpgrp()
            for each in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):  # ignored behind nohup and &: the tests send them
                signal.signal(each, signal.SIG_DFL)
            resource.setrlimit(resource.RLIMIT_CPU, (int(seconds), int(seconds)))

        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=self.build,
                                   env=dict(self.environment, HEATVIT_MUTANT=str(mutant)), preexec_fn=alone)
        try:
            output = process.communicate(timeout=20 * seconds)[0].decode('utf-8', 'replace')
            return -1 if process.returncode in (-signal.SIGXCPU, -signal.SIGKILL) else process.returncode, output
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            return -1, ''

    def compile(self, tests):
        return self.run(['ninja', '-C', self.build] + sorted({self.programs.get(t, 'run_sim') for t in tests}), 3600)

    def together(self, mutants):
        """Builds as many of them as one build can hold; those: the HEATVIT_MUTANT of each."""
        files, numbers = {}, {}
        for number, mutant in enumerate(mutants, 1):
            path, line, _, form = mutant
            if path not in files:
                with open(os.path.join(ROOT, path)) as file:
                    files[path] = file.read().split('\n')
            if both(files[path], line, form, number) is not None and line not in [m[1] for m in numbers if m[0] == path]:
                numbers[mutant] = number
        wanted = sorted({test for path in files for test in tests_of(path)})
        while True:
            for path, good in files.items():
                text = list(good)
                for mutant, number in numbers.items():
                    if mutant[0] == path:
                        text[mutant[1]] = both(good, mutant[1], mutant[3], number)
                copy = os.path.join(self.source, path)
                text = '\n'.join(text) if text == good else CHOICE % copy + '\n'.join(text)
                if open(copy).read() != text:
                    with open(copy, 'w') as file:
                        file.write(text)
            code, output = self.run(['ninja', '-k', '0', '-C', self.build] + sorted({self.programs.get(t, 'run_sim') for t in wanted}), 7200)
            if code == 0:
                return numbers
            wrong = {m for m in numbers if re.search(rf'{re.escape(m[0])}:{m[1] + 1}:.*error', output)}
            # Of an error elsewhere (a variable that is not used now): all of the file.
            wrong = wrong or {m for m in numbers if re.search(rf'{re.escape(m[0])}:\d+:.*error', output)}
            if not wrong:
                print(f'mutate.py: mutants do not build together:\n{output[-2000:]}', file=sys.stderr)
                wrong = set(numbers)
            for mutant in wrong:
                del numbers[mutant]

    def restore(self, paths):
        for path in set(paths):
            shutil.copy(os.path.join(ROOT, path), os.path.join(self.source, path))

    def judge_together(self, path, number, times, good):
        """Which test notices the mutant of this number in the build of many. `good`: what tests say of none of them, kept."""
        for test in sorted((t for t in tests_of(path) if t in times), key=times.get):
            outcome = self.outcome(test, 30 + 6 * times[test], number)
            if not outcome:
                continue
            if test not in good:
                good[test] = self.outcome(test, 3600)
            if not good[test]:
                return f'{test} ({outcome})'
            print(f'mutate.py: fails without a mutant in the build of many: {test} ({good[test]})', file=sys.stderr)
        return None

    def outcome(self, test, seconds, mutant=0):
        """'' where the test passes; else what failed first, or that it did not end."""
        if test in self.programs:
            command = [os.path.join(self.build, self.programs[test]), '--gtest_fail_fast', '--gtest_brief=1',
                       f'--gtest_filter={FILTERS.get(test, "*")}']
        else:
            command = ['python3', os.path.join(self.source, 'tb/tests/golden/golden.py'), os.path.join(self.build, 'bin/run_sim'),
                       '--fail-fast', '--only', test[len(GOLDEN):].strip()]
        code, output = self.run(command, seconds, mutant)
        if code in (0, -1):
            return 'no end' if code else ''
        failed = re.search(r'\[  FAILED  \] ([\w./]+)', output)
        return failed.group(1) if failed else f'exit code {code}'

    def judge(self, path, line, form, times):
        """Whether the mutant compiles, and which test noticed it. Each test is built when those before it have passed."""
        good, copy = os.path.join(ROOT, path), os.path.join(self.source, path)
        with open(good) as file:
            text = file.read().split('\n')
        text[line] = form
        with open(copy, 'w') as file:
            file.write('\n'.join(text))
        try:
            for test in sorted((t for t in tests_of(path) if t in times), key=times.get):
                code, output = self.compile([test])
                if code != 0:  # an object that is not made is no mutant; a program that fails while others are made is one
                    return (False, None) if re.search(r'FAILED: \S+\.o\b', output) else (True, 'the build')
                outcome = self.outcome(test, 30 + 6 * times[test])
                if outcome:
                    return True, f'{test} ({outcome})'
            return True, None
        finally:
            shutil.copy(good, copy)


def times_of(shops, folder, build):
    """Seconds that each test takes, kept in the folder: none without a change fails. `build`: what is not known to fail, too."""
    kept = os.path.join(folder, 'times.json')
    wanted = sorted(({t for tests in TESTS.values() for t in tests} & set(shops[0].programs)) | {GOLDEN, SOME_GOLDEN})
    times = {}
    if os.path.exists(kept):
        with open(kept) as file:
            times = json.load(file)
    for shop in shops if build or set(wanted) - set(times) else []:
        if shop.compile(wanted)[0] != 0:
            print('mutate.py: the sources do not build', file=sys.stderr)
            return None
    for test in wanted:
        if test in times:
            continue
        begin = time.time()
        failed = shops[0].outcome(test, 3600)
        if failed:
            print(f'mutate.py: fails without a change: {test} ({failed})', file=sys.stderr)
            return None
        times[test] = round(time.time() - begin, 1)
        with open(kept, 'w') as file:
            json.dump(times, file)
    return {test: times[test] for test in wanted}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--count', type=int, default=300)
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--work', default=os.path.join(ROOT, 'build', 'mutation'))
    parser.add_argument('--only', action='append', default=[], help='a folder or file')
    parser.add_argument('--log', help='a line of JSON for each mutant; goes on where it ends')
    parser.add_argument('--jobs', type=int, default=1, help='mutants at a time, each in a copy of its own')
    parser.add_argument('--together', type=int, default=0, help='as many mutants in a build')
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
    shops = [Workshop(os.path.join(arguments.work, str(i))) for i in range(arguments.jobs)]
    times = times_of(shops, arguments.work, not arguments.together)
    if not times:
        return 1

    def note(mutant, built, by, begin):
        path, i, line, form = mutant
        result = {'path': path, 'line': i, 'old': line, 'new': form, 'built': built, 'by': by, 'seconds': round(time.time() - begin)}
        results[path, i] = result
        if arguments.log:
            with open(arguments.log, 'a') as file:
                file.write(json.dumps(result) + '\n')
        if built:
            print(f'{path}:{i + 1}: {f"killed by {by}" if by else "SURVIVES"}, {result["seconds"]} s', flush=True)

    if arguments.together:
        open_ones = [m for m in mutants if (m[0], m[1]) not in results]
        batch = open_ones[:min(arguments.together, arguments.count - sum(r['built'] for r in results.values()))]
        begin, good = time.time(), {}
        numbers = shops[0].together(batch)
        print(f'{len(numbers)} of {len(batch)} in one build, {time.time() - begin:.0f} s', flush=True)
        with ThreadPoolExecutor(arguments.jobs) as judges:
            def judge(mutant):
                began = time.time()
                note(mutant, True, shops[0].judge_together(mutant[0], numbers[mutant], times, good), began)

            list(judges.map(judge, numbers))
        shops[0].restore(mutant[0] for mutant in batch)
    lock, waiting, under_way = threading.Lock(), iter(m for m in mutants if (m[0], m[1]) not in results), 0

    def work(shop):
        nonlocal under_way
        while True:
            with lock:
                enough = sum(r['built'] for r in results.values()) + under_way >= arguments.count
                mutant = None if enough else next(waiting, None)
                under_way += mutant is not None
            if mutant is None:
                return
            path, i, line, form = mutant
            begin = time.time()
            built, by = shop.judge(path, i, form, times)
            with lock:
                under_way -= 1
                note(mutant, built, by, begin)

    workers = [threading.Thread(target=work, args=(shop,)) for shop in shops]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    judged = [results[path, i] for path, i, _, _ in mutants if results.get((path, i), {}).get('built')][:arguments.count]
    for r in judged:
        if not r['by']:
            print(f'{r["path"]}:{r["line"] + 1}\n  -{r["old"].strip()}\n  +{r["new"].strip()}')
    killed = sum(r['by'] is not None for r in judged)
    print(f'{killed} of {len(judged)} killed ({100 * killed / max(len(judged), 1):.1f} %)')
    return 0 if killed >= 0.9 * len(judged) else 1


if __name__ == '__main__':
    sys.exit(main())
