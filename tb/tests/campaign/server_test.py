#!/usr/bin/python3
"""campaign_server says of a command what a process of run_sim's own would: server_test.py CAMPAIGN_SERVER RUN_SIM"""
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
COMMANDS = [['--version'], ['run', '--nonsense'], ['run', '--model', 'deit-micro', '--quiet'], ['list', 'nothing'],
            ['run', '--model', 'deit-micro', '--mode', 'timing', '--json', '/dev/full', '--quiet'], ['rerun', 'run.json', '--quiet'],
            ['run', '--model', 'deit-micro', '--weights', 'run.json', '--quiet'], ['compare', 'run.json', 'other.json', '--quiet']]


def main():
    server_program, run_sim = map(os.path.abspath, sys.argv[1:])
    environment = dict(os.environ, HEATVIT_HOME=ROOT, HEATVIT_CACHE='')
    with tempfile.TemporaryDirectory() as folder:
        for name, options in (('run.json', []), ('other.json', ['--pe.to', '8'])):
            subprocess.run([run_sim, 'run', '--model', 'deit-micro', '--mode', 'timing', '--json', name, '--quiet'] + options,
                           cwd=folder, env=environment, check=True)
        server = subprocess.Popen([server_program, '--serve'], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=folder, env=environment)

        def ask(command, seconds=100):
            server.stdin.write(json.dumps({'command': command, 'folder': folder, 'seconds': seconds}).encode() + b'\n')
            server.stdin.flush()
            return json.loads(server.stdout.readline())

        codes = set()
        for command in COMMANDS:
            alone = subprocess.run([run_sim] + command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                   cwd=folder, env=environment)
            expected = {'code': alone.returncode, 'stderr': alone.stderr.decode(), 'left': False}
            codes.add(alone.returncode)
            if ask(command) != expected:
                sys.exit(f'{command}: {ask(command)} is not {expected}')
        if not {0, 1, 2} <= codes:
            sys.exit(f'the commands end with {codes} only')

        # A crash, and one that does not end: what lasts long is told to crash, or has a second.
        long = ['run', '--model', 'deit-b', '--weights', 'synthetic:1', '--image',
                os.path.join(ROOT, 'models/zoo/micro/images/000_circle_filled.jpg'), '--quiet']

        def crash():
            children = f'/proc/{server.pid}/task/{server.pid}/children'
            while True:
                with open(children) as file:
                    found = file.read().split()
                if found:
                    os.kill(int(found[0]), signal.SIGSEGV)
                    return
                time.sleep(0.01)

        killer = threading.Thread(target=crash)
        killer.start()
        if ask(long).get('signal') != signal.SIGSEGV:
            sys.exit('a crash is not seen')
        killer.join()
        if ask(long, 1).get('signal') not in (signal.SIGXCPU, signal.SIGKILL):
            sys.exit('what does not end is not seen')
        if ask(['--version']) != {'code': 0, 'stderr': '', 'left': False}:
            sys.exit('no answer after a crash')
        server.stdin.close()
        return server.wait()


if __name__ == '__main__':
    sys.exit(main())
