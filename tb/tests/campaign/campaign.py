#!/usr/bin/python3
"""Campaigns against the program: what people and accidents do to it, at random, and what must hold whatever they do.

usage: campaign.py PROGRAM [options] [files] [kills] [relations] [pages]     (default: all but pages)
                   [--count N] [--seed N] [--first N] [--seconds S] [--jobs N] [--keep]

PROGRAM is run_sim or, several times faster, campaign_server beside it: the same program, loaded once, a fork a command.

options    settings at and beyond the edges of the parameter table, for subcommands and modes: exit code 0 or 2, one line
           that says what is wrong, an end within --timeout seconds of the processor, and no process left behind
files      files of every kind that the program reads, with numbers, bytes and lines changed, cut, doubled: the same
kills      runs that are killed at a random moment: no file half written, a sweep goes on to the same front
relations  random hardware: more ports, slots or memory never slower by more than --tolerance per cent, fewer tokens
           never slower, latency never below the lower bound, functional and timing cycles equal
pages      random hardware: no point above the roofline, no share above 100 % in the JSON or on the page as Chromium
           shows it (Debian: chromium), no operation or unit that works longer than there was time

Each finding is a line with the command that shows it; the exit code is 1 where there is one. --count is of each
campaign, from --first on; --seconds ends each of them early. The same seed gives the same commands.
"""
import argparse
import json
import os
import random
import re
import resource
import shlex
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
MICRO = os.path.join(ROOT, 'models/zoo/micro')
PICTURE = os.path.join(MICRO, 'images', '000_circle_filled.jpg')


class End:
    """How a command ended: code as subprocess has it (a signal is negative), what it said on stderr, processes left."""

    def __init__(self, code, said, left=False):
        self.code, self.left = code, left
        self.errors = [line for line in said.splitlines() if 'error:' in line]


class Server:
    """campaign_server, one a thread."""

    def __init__(self, program, folder, environment):
        self.process = subprocess.Popen([program, '--serve'], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=folder,
                                        env=dict(environment, LD_BIND_NOW='1'))  # bound once, not by every fork

    def end_of(self, command, folder, seconds):
        request = json.dumps({'command': command, 'folder': folder, 'seconds': int(seconds)})
        self.process.stdin.write(request.encode('ascii') + b'\n')
        self.process.stdin.flush()
        reply = json.loads(self.process.stdout.readline())
        return End(reply.get('code', -reply.get('signal', 0)), reply['stderr'], reply['left'])


class Campaign:
    def __init__(self, arguments):
        self.program = os.path.abspath(arguments.program)
        self.serves = os.path.basename(self.program) == 'campaign_server'
        self.servers = threading.local()
        self.timeout = arguments.timeout
        self.tolerance = arguments.tolerance
        self.folder = tempfile.mkdtemp(prefix='heatvit-campaign-')
        self.environment = dict(os.environ, HEATVIT_HOME=ROOT, HEATVIT_CACHE='', HEATVIT_PROGRESS_S='0')
        self.parameters = json.loads(self.run(['list', '--json']).stdout)['parameters']
        self.findings = []
        self.answers = 0  # commands that were carried out, not refused

    def run(self, command):
        return subprocess.run([self.program] + command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=self.folder,
                              env=self.environment, timeout=20 * self.timeout)

    def end_of(self, command):
        """Within --timeout seconds of the processor and 20 times as many of the clock: a busy machine ends nothing."""
        if self.serves:
            if not hasattr(self.servers, 'mine'):
                self.servers.mine = Server(self.program, self.folder, self.environment)
            return self.servers.mine.end_of(command, self.folder, self.timeout)

        def limited():
            resource.setrlimit(resource.RLIMIT_CPU, (int(self.timeout), int(self.timeout)))

        process = subprocess.Popen([self.program] + command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=self.folder,
                                   env=self.environment, preexec_fn=limited)
        try:
            said = process.communicate(timeout=20 * self.timeout)[1]
        except subprocess.TimeoutExpired:
            process.kill()
            said = process.communicate()[1]
        return End(process.returncode, said.decode('utf-8', 'replace'))

    def finding(self, what, command):
        line = f'{what}: run_sim {" ".join(shlex.quote(word) for word in command)}'
        self.findings.append(line)
        print(line, flush=True)

    def expect_an_answer(self, command):
        """Runs the command; its exit code, where it is one that a user may see."""
        done = self.end_of(command)
        self.answers += done.code == 0
        if done.code in (-signal.SIGXCPU, -signal.SIGKILL):
            self.finding(f'no end in {self.timeout:g} s', command)
            return None
        if done.code not in (0, 2, 3):
            self.finding(f'exit code {done.code} ({" ".join(done.errors)[:160]})', command)
        elif len(done.errors) != (done.code == 2):
            self.finding(f'exit code {done.code} with {len(done.errors)} error lines', command)
        elif any('internal' in line for line in done.errors):
            self.finding(done.errors[0][:160], command)
        if done.left:
            self.finding('leaves processes behind', command)
        return done.code

    # -- settings ------------------------------------------------------------------------------------------------

    def odd_value(self, draw, parameter):
        if 'choices' in parameter:
            return draw.choice(parameter['choices'] + ['', 'x', '0'])
        if 'minimum' not in parameter:
            return draw.choice(['', 'x', '1', '1,2', ',', '1' * 400])
        low, high = parameter['minimum'], parameter['maximum']
        step = 1 if parameter['integer'] else (high - low) / 1000
        inside = draw.uniform(low, min(high, low + 64 * step)) if draw.random() < 0.5 else draw.uniform(low, high)
        value = draw.choice([low, high, low - step, high + step, inside, inside, inside, (low + high) / 2, 0, -1, 1e300,
                             'nan', 'inf', '', '1e', '0x10', f'{low}  ', '١'])
        if isinstance(value, str):
            return value
        return str(int(value)) if parameter['integer'] and abs(value) < 1e15 else repr(value)

    def option_set(self, draw):
        command = []
        kind = draw.random()
        model = draw.choice(['deit-micro'] * 6 + ['deit-t', 'deit-s'])
        if kind < 0.12:
            command = ['disasm', '--model', model]
        elif kind < 0.2:
            command = ['hls-estimate', '--model', model]
        elif kind < 0.26:
            command = ['hls-config', '--model', model]
        elif kind < 0.32:
            command = ['mem', '--trace', os.path.join(ROOT, 'traces/mem-mixed.trace')]
        elif kind < 0.4:
            command = ['table', '--model', model, '--keep-ratios', '1:0.5:0.5', '--out', 'table.csv', '--quiet']
        else:
            command = ['run', '--model', model, '--mode', draw.choice(['timing', 'timing', 'analytic']), '--quiet']
            if draw.random() < 0.6:
                command += ['--prune-rates', draw.choice(['0.3,0.5,0.7', '0,0,0', '0.9,0.95,0.99', '0.5', '0.7,0.5,0.3',
                                                          '0.3,0.5,nan', '', '0.3,,0.7', '1,1,1'])]
            if draw.random() < 0.4:
                command += ['--scorer', draw.choice(['none', 'heatvit', 'cls-attention', 'evit', 'random', 'best'])]
            if draw.random() < 0.2:
                command += ['--selectors', draw.choice(['1', '2,3,4', '4,7,10', '3,2', '0', '1,2,3,4,5,6', '99'])]
        usual = draw.random() < 0.5
        for parameter in draw.sample(self.parameters, draw.randint(1, 5)):
            odd = not usual or draw.random() < 0.2
            command += ['--' + parameter['key'], (self.odd_value if odd else self.usual_value)(draw, parameter)]
        return command

    def options(self, number, draw):
        return self.expect_an_answer(self.option_set(draw))

    # -- files ---------------------------------------------------------------------------------------------------

    def readers(self):
        """What the program reads: a good file of each kind, and the command that reads it from a path."""
        write = lambda name, text: open(os.path.join(self.folder, name), 'w').write(text)
        write('net.json', '{"name": "n", "depth": 2, "dim": 64, "heads": 4, "image_size": 64, "patch_size": 16, "classes": 9}')
        write('sweep.ini', '[sweep]\nmodel = deit-micro\nmethod = grid\n[axis]\npe.to = 8; 16\n[limit]\ndsp = 2520\n')
        write('hardware.ini', '[pe]\nto = 16   # outputs\n')
        write('classes.csv', 'class\n' + ''.join(f'{i}\n' for i in range(10)))
        write('trace.csv', 'image,kept1,kept2,kept3\na,50,40,30\nb,60,50,20\n')
        self.run(['run', '--model', 'deit-micro', '--image', PICTURE, '--json', 'run.json', '--quiet'])
        self.run(['sweep', '--config', 'sweep.ini', '--out', 'sweep.sqlite', '--quiet'])
        micro = ['run', '--model', 'deit-micro', '--quiet']
        trace = micro + ['--token-trace-out', 'who.json', '--image', PICTURE]
        for made in (trace, ['quantize', '--model', 'deit-micro', '--out', 'quantised.safetensors'],
                     ['export', '--model', 'deit-micro', '--image', PICTURE, '--out', 'board'],
                     ['asm', 'list.asm', '--out', 'list.bin']):
            if made[0] == 'asm':
                with open(os.path.join(self.folder, 'list.asm'), 'wb') as file:
                    file.write(self.run(['disasm', '--model', 'deit-micro', '--scorer', 'heatvit', '--prune-rates', '0.3,0.5,0.7']).stdout)
            if self.run(made).returncode != 0:
                raise SystemExit(f'campaign.py: run_sim {" ".join(made)} does not work')
        self.result_of_a_board()
        pruned = ['run', '--model', 'deit-micro', '--quiet', '--mode', 'timing', '--scorer', 'heatvit', '--prune-rates', '0.3,0.5,0.7']
        here = lambda name: os.path.join(self.folder, name)
        weights = os.path.join(MICRO, 'weights.safetensors')
        return [(here('net.json'), '.json', lambda p: ['run', '--model', p, '--quiet']),
                (here('sweep.ini'), '.ini', lambda p: ['sweep', '--config', p, '--out', p + '.sqlite', '--quiet']),
                (here('hardware.ini'), '.ini', lambda p: micro + ['--config', p]),
                (here('trace.csv'), '.csv', lambda p: micro + ['--token-trace', p]),
                (here('run.json'), '.json', lambda p: ['compare', p, p]),
                (here('run.json'), '.json', lambda p: ['report', p, '--html', p + '.html']),
                (here('run.json'), '.json', lambda p: ['rerun', p]),
                (here('sweep.sqlite'), '.sqlite', lambda p: ['pareto', p]),
                (here('sweep.sqlite'), '.sqlite', lambda p: ['sweep', 'export', p, '--csv', p + '.csv']),
                (weights, '.safetensors', lambda p: micro + ['--weights', p, '--image', PICTURE]),
                (weights, '.safetensors', lambda p: ['import', p, '--model', 'deit-micro', '--out', p + '.out']),
                (weights, '.safetensors', lambda p: micro + ['--selector-weights', p, '--image', PICTURE]),
                (PICTURE, '.jpg', lambda p: micro + ['--image', p]),
                (os.path.join(MICRO, 'labels.csv'), '.csv',
                 lambda p: micro + ['--images', os.path.join(MICRO, 'images'), '--limit', '1', '--labels', p]),
                (os.path.join(ROOT, 'traces/mem-mixed.trace'), '.trace', lambda p: ['mem', '--trace', p]),
                (os.path.join(ROOT, 'configs/devices/zcu102.ini'), '.ini', lambda p: micro + ['--device', p]),
                (here('list.asm'), '.asm', lambda p: ['asm', p, '--out', p + '.bin']),
                (here('list.asm'), '.asm', lambda p: pruned + ['--program', p]),
                (here('list.bin'), '.bin', lambda p: pruned + ['--program', p]),
                (here('list.bin'), '.bin', lambda p: ['disasm', p]),
                (here('who.json'), '.json', lambda p: micro + ['--token-trace', p, '--image', PICTURE]),
                (here('quantised.safetensors'), '.safetensors', lambda p: micro + ['--weights', p, '--image', PICTURE]),
                (here('classes.csv'), '.csv', lambda p: micro[:-1] + ['--image', PICTURE, '--class-list', p]),
                (here('board/manifest.json'), '.json', lambda p: ['import-result', self.board_with(p), 'result.bin']),
                (here('result.bin'), '.bin', lambda p: ['import-result', 'board', p])]

    def result_of_a_board(self):
        """What a board writes that computes as expected: a header, then what was expected."""
        with open(os.path.join(self.folder, 'board/manifest.json')) as file:
            kept = json.load(file)['expected']['kept']
        with open(os.path.join(self.folder, 'board/expected.bin'), 'rb') as file:
            expected = file.read()
        with open(os.path.join(self.folder, 'result.bin'), 'wb') as file:
            words = [0x53525648, 1, 0, len(kept)] + (kept + [0] * 8)[:8] + [1000, 0, 1, 0]  # tb/run_sim/board_files.h
            file.write(struct.pack('<16I', *words) + expected)

    def board_with(self, manifest):
        """A folder of run_sim export with another manifest."""
        folder = manifest + '.board'
        os.makedirs(folder)
        shutil.copy(os.path.join(self.folder, 'board/expected.bin'), folder)
        shutil.copy(manifest, os.path.join(folder, 'manifest.json'))
        return folder

    ODD_NUMBERS = [b'0', b'-1', b'1', b'2', b'255', b'256', b'65536', b'2147483647', b'2147483648', b'4294967295', b'4294967296',
                   b'9223372036854775807', b'-9223372036854775808', b'18446744073709551616', b'0.5', b'1e-300', b'1e400', b'nan', b'',
                   b'null', b'true', b'[]', b'{}', b'""']

    @classmethod
    def mutated(cls, draw, data):
        data = bytearray(data)
        for _ in range(draw.choice([1, 1, 1, 1, 2, 5, 20])):
            at = draw.randrange(len(data) + 1)
            kind = draw.random()
            if kind < 0.25:  # what a number says, so that a text stays one that can be read: the next number, where there is one
                number = re.compile(rb'(?<![\w.])-?[0-9]+(?:\.[0-9]+)?').search(data, at)
                if number:
                    old = number.group()
                    near = [b'%d' % (int(old) + step) for step in (-1, 1)] + [old + b'0'] if len(old) < 18 and b'.' not in old else [b'0.5']
                    data[number.start():number.end()] = draw.choice(near if draw.random() < 0.5 else cls.ODD_NUMBERS)
            elif kind < 0.35:  # lines left out, doubled, at another place
                lines = data.split(b'\n')
                line = lines.pop(draw.randrange(len(lines)))
                for _ in range(draw.randrange(3)):
                    lines.insert(draw.randrange(len(lines) + 1), line)
                data = bytearray(b'\n'.join(lines))
            elif kind < 0.45 and data:
                data[at % len(data)] = draw.randrange(256)
            elif kind < 0.6 and data:
                data[at % len(data)] ^= 1 << draw.randrange(8)
            elif kind < 0.65:
                del data[at:]
            elif kind < 0.75:
                del data[at:at + draw.randrange(1, 64)]
            elif kind < 0.82:
                data[at:at] = data[at:at + draw.randrange(1, 256)]
            elif kind < 0.99:
                data[at:at] = draw.choice([b'\0', b'\xff\xfe', b'nan', b'-1', b'99999999999999999999', b'"', b'[', b'{', b'\n',
                                           b'=', b',', b'1e400', b'\xef\xbb\xbf', b'\r'])
            else:
                data = bytearray()
        return bytes(data)

    def read_a_file(self, kind, name, change):
        """The command of a kind on its good file as changed; the exit code. The file stays where there is a finding."""
        good, ending, command = self.kinds[kind]
        folder = os.path.join(self.folder, name)
        os.makedirs(folder)
        path = os.path.join(folder, 'mutated' + ending)
        with open(good, 'rb') as file:
            data = file.read()
        with open(path, 'wb') as file:
            file.write(change(data))
        before = len(self.findings)
        code = self.expect_an_answer(command(path))
        if len(self.findings) == before:
            shutil.rmtree(folder)
        return code

    def files(self, number, draw):
        self.read_a_file(number % len(self.kinds), f'file-{number}', lambda data: self.mutated(draw, data))

    # -- kills ---------------------------------------------------------------------------------------------------

    def kills(self, number, draw):
        folder = os.path.join(self.folder, f'kill-{number}')
        os.makedirs(folder)
        out = os.path.join(folder, 'out')
        sweep = os.path.join(folder, 'sweep.ini')
        with open(sweep, 'w') as file:
            file.write('[sweep]\nmodel = deit-micro\n[axis]\npe.to = 4:24:4\npl.clock_mhz = 100; 150; 200\n')
        commands = [['run', '--model', 'deit-micro', '--images', os.path.join(MICRO, 'images'), '--limit', '40', '--json', out,
                     '--csv', out + '.csv', '--token-trace-out', out + '.trace', '--quiet'],
                    ['sweep', '--config', sweep, '--out', out + '.sqlite', '--jobs', '2', '--quiet'],
                    ['quantize', '--model', 'deit-micro', '--weights', os.path.join(MICRO, 'weights.safetensors'), '--out', out],
                    ['table', '--model', 'deit-micro', '--out', out + '.json', '--quiet']]
        command = draw.choice(commands)
        process = subprocess.Popen([self.program] + command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                   cwd=folder, env=self.environment)
        time.sleep(draw.uniform(0, 0.4))
        process.send_signal(draw.choice([signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL, signal.SIGQUIT]))
        try:
            process.communicate(timeout=self.timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            self.finding('does not end when it is told to', command)
            return
        left = [name for name in os.listdir(folder) if name != 'sweep.ini']
        killed = process.returncode == -signal.SIGKILL
        for name in left:
            path = os.path.join(folder, name)
            try:
                if name == 'out' and command[0] == 'run' or name.endswith('.json'):
                    with open(path) as file:
                        json.load(file)
                elif name.endswith('.sqlite'):
                    with sqlite3.connect(path) as database:
                        if database.execute('pragma integrity_check').fetchone()[0] != 'ok':
                            raise ValueError('not ok')
                elif not killed and not name.startswith('out'):
                    self.finding(f'{name} is left', command)
            except (ValueError, sqlite3.Error) as error:
                self.finding(f'{name} is half written ({error})', command)
        if command[0] == 'sweep':
            if self.expect_an_answer(command) == 0:
                with sqlite3.connect(out + '.sqlite') as database:
                    done = database.execute("select count(*) from point where state != 'open'").fetchone()[0]
                if done != 18:
                    self.finding(f'{done} of 18 points after going on', command)
        shutil.rmtree(folder)

    # -- relations -----------------------------------------------------------------------------------------------

    def cycles_of(self, command):
        path = tempfile.mktemp(suffix='.json', dir=self.folder)
        if self.expect_an_answer(command + ['--json', path, '--quiet']) != 0:
            return None
        with open(path) as file:
            image = json.load(file)['images'][0]
        os.remove(path)
        if image['latency_ms'] < image['bound']['ms'] * (1 - 1e-9):
            self.finding('latency below the lower bound', command)
        return image['latency_ms']

    MORE = {'accel.weight_ports': [1, 2, 4], 'accel.input_ports': [1, 2, 4], 'accel.output_ports': [1, 2, 4],
            'axi.outstanding': [2, 4, 8, 16], 'buffer.input': [2, 3, 4], 'buffer.weight': [2, 3, 4], 'buffer.output': [2, 3, 4],
            'buffer.accumulator': [2, 3, 4], 'ddr.mega_transfers': [1600, 1866, 2133, 2400],
            'vec.lanes': [8, 16, 32, 64], 'pl.clock_mhz': [100, 150, 200, 300], 'ctrl.queue': [1, 2, 4, 8]}

    def relations(self, number, draw):
        known = {p['key'] for p in self.parameters}
        model = draw.choice(['deit-micro', 'deit-t'])
        base = ['run', '--model', model, '--mode', 'timing', '--scorer', 'none']
        for parameter in draw.sample(self.parameters, draw.randint(0, 4)):
            if parameter['key'] in self.MORE or parameter['key'].startswith('accel.'):
                continue
            base += ['--' + parameter['key'], self.usual_value(draw, parameter)]
        key = draw.choice([k for k in sorted(self.MORE) if k in known])
        less, more = sorted(draw.sample(self.MORE[key], 2))
        slow, fast = self.cycles_of(base + ['--' + key, str(less)]), self.cycles_of(base + ['--' + key, str(more)])
        if slow and fast and fast > slow * (1 + self.tolerance / 100):
            self.finding(f'{key} {less} to {more} is slower by {100 * (fast / slow - 1):.1f} %', base)
        pruned = [word for word in base if word not in ('--scorer', 'none')] + ['--scorer', 'random']
        few, many = self.cycles_of(pruned + ['--prune-rates', '0.5,0.6,0.7']), self.cycles_of(pruned + ['--prune-rates', '0.3,0.4,0.5'])
        if few and many and few > many * (1 + self.tolerance / 100):
            self.finding(f'fewer tokens are slower by {100 * (few / many - 1):.1f} %', pruned)

    # -- pages ---------------------------------------------------------------------------------------------------

    def pages(self, number, draw):
        folder = os.path.join(self.folder, f'page-{number}')
        os.makedirs(folder)
        out, page, svg = (os.path.join(folder, name) for name in ('run.json', 'run.html', 'roofline.svg'))
        command = ['run', '--model', draw.choice(['deit-micro', 'deit-t', 'deit-s', 'lv-vit-s']), '--mode', 'timing', '--quiet']
        if draw.random() < 0.6:
            command += ['--prune-rates', draw.choice(['0.3,0.51,0.657', '0.5,0.6,0.7', '0.1,0.2,0.9']),
                        '--scorer', draw.choice(['heatvit', 'cls-attention', 'random'])]
        for parameter in draw.sample(self.parameters, draw.randint(0, 6)):
            command += ['--' + parameter['key'], self.usual_value(draw, parameter)]
        if self.expect_an_answer(command + ['--json', out, '--roofline', svg]) != 0:
            return
        with open(out) as file:
            run = json.load(file)
        roof = run['roofline']
        for point in roof['points']:
            limit = min(roof['array_gmacs'], point['macs_per_byte'] * roof['memory_gbs'])
            if point['gmacs'] > limit * (1 + 1e-9):
                self.finding(f'{point["op"]} at {100 * point["gmacs"] / limit:.1f} % of the roof', command)
        self.expect_an_answer(['report', out, '--html', page])
        shown = subprocess.run(['chromium', '--headless', '--no-sandbox', '--disable-gpu', '--virtual-time-budget=3000',
                                '--dump-dom', 'file://' + page], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                               timeout=self.timeout).stdout.decode()
        shown = re.sub(r'(?s)<(script|style).*?</\1>|"data:[^"]*"', '', shown)
        shares = re.findall(r'[^<>"]{0,40}?(\d+(?:\.\d+)?) %', shown)
        if len(shares) < 10:
            self.finding('a page without its shares', command)
        with open(svg) as file:
            shares += re.findall(r'([\d.]+) % of the roof', file.read())
        for share in shares:
            if float(share) > 100:
                self.finding(f'{share} % is shown', command)
        if len(self.findings) == 0:
            shutil.rmtree(folder)

    @staticmethod
    def usual_value(draw, parameter):
        if 'choices' in parameter:
            return draw.choice(parameter['choices'])
        if 'minimum' not in parameter:
            return parameter['default']
        default = float(parameter['default'])
        value = min(max(default * draw.choice([0.5, 1, 2, 3]), parameter['minimum']), parameter['maximum'])
        return str(int(value)) if parameter['integer'] else repr(value)

    # ------------------------------------------------------------------------------------------------------------

    def go(self, name, first, count, seed, seconds, jobs):
        if name == 'files':
            self.kinds = self.readers()
            for kind in range(len(self.kinds)):  # what is refused as it is would say nothing of what is changed in it
                if self.read_a_file(kind, f'good-{kind}', lambda data: data) != 0:
                    raise SystemExit(f'campaign.py: the good file of kind {kind} is not taken: {self.kinds[kind][0]}')
        begin, done, self.answers = time.time(), 0, 0

        def one(number):
            nonlocal done
            if seconds and time.time() - begin > seconds:
                return
            getattr(self, name)(number, random.Random(f'{seed} {name} {number}'))
            done += 1
            if done % 1000 == 0:
                print(f'{name}: {done}, {time.time() - begin:.0f} s', flush=True)

        with ThreadPoolExecutor(jobs) as pool:
            list(pool.map(one, range(first, first + count)))
        print(f'{name}: {done} of {count}, {time.time() - begin:.0f} s, {self.answers} commands carried out, '
              f'{len(self.findings)} findings so far', flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('program')
    parser.add_argument('campaigns', nargs='*', help='options, files, kills, relations, pages')
    parser.add_argument('--count', type=int, default=200)
    parser.add_argument('--first', type=int, default=0)
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--seconds', type=float, default=0)
    parser.add_argument('--timeout', type=float, default=60, help='seconds of the processor')
    parser.add_argument('--tolerance', type=float, default=1)
    parser.add_argument('--jobs', type=int, default=2)
    parser.add_argument('--keep', action='store_true', help='the folder with the files')
    arguments = parser.parse_args()
    names = ('options', 'files', 'kills', 'relations', 'pages')
    for name in arguments.campaigns:
        if name not in names:
            parser.error(f'{name} is none of {", ".join(names)}')
    campaign = Campaign(arguments)
    for name in arguments.campaigns or names[:-1]:
        campaign.go(name, arguments.first, arguments.count, arguments.seed, arguments.seconds, arguments.jobs)
    if arguments.keep or campaign.findings:
        print(f'files in {campaign.folder}')
    else:
        shutil.rmtree(campaign.folder)
    return 1 if campaign.findings else 0


if __name__ == '__main__':
    sys.exit(main())
