"""harness: what the end-to-end tests share: TAP, folders, a running exchange.

Everything a test makes lies in a folder of its own that is removed at the end;
UDP ports are any free ones, named by the exchange's ready line.
"""

import csv
import hashlib
import io
import json
import os
import re
import resource
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

SECONDS = 60.0

CONFIG = '''journal: {{folder: {folder}, segment_mib: 1}}
exchange: {{shard: {shard}, ack: {ack}}}
pools: {{orders: {orders}, instruments: 16, accounts: 16, positions: 1024, pages: 1024, retransmit: 1024, in_ring_cells: 1024, out_ring_cells: 4096}}
threads:
{threads}
ports: [{{name: kernel, kind: udp, address: 127.0.0.1, udp_port: {udp_port}}}]
firms: [{{id: 0, name: ALPHA}}, {{id: 1, name: BETA}}]
instruments:
  - {{id: 0, symbol: ACME, tick: "{tick}", limits: {{reference: "100.00", collar_permille: 100, order_qty: 1000}}}}
  - {{id: 1, symbol: ZINC, tick: "0.5", lot: 10}}
groups:
  - {{id: 0, name: ALPHA.HOUSE, firm: ALPHA}}
  - {{id: 1, name: BETA.HOUSE, firm: BETA, restricted: [ZINC]}}
accounts:
  - {{id: 0, name: A1, group: ALPHA.HOUSE, limits: {{order_value: "50000.00", long: {long}, short: 500}}}}
  - {{id: 1, name: B1, group: BETA.HOUSE}}
sessions:
  - {{id: 0, name: BROKER1, firm: ALPHA, key: alpha}}
  - {{id: 1, name: BROKER2, firm: BETA, key: beta}}
{more}'''

DEFAULTS = {
    'folder': 'journal', 'shard': 0, 'ack': 'durable', 'orders': 1000, 'udp_port': 0,
    'tick': '0.01', 'long': 500, 'more': '',
    'threads': '  - {name: exchange, stages: [gateway, engine], idle: yield}\n'
               '  - {name: journal, stages: [journal], idle: block}',
}


class Tap:
    """Tap prints results as they come and ends with the plan."""

    def __init__(self):
        self.count = 0
        self.failed = 0

    def ok(self, good, name, *why):
        self.count += 1
        self.failed += not good
        print(('ok' if good else 'not ok'), self.count, '-', name, flush=True)
        if not good:
            for text in why:
                for line in str(text).splitlines() or ['']:
                    print('#', line, flush=True)
        return good

    def same(self, actual, expected, name):
        return self.ok(actual == expected, name, f'expected {expected!r}', f'actual   {actual!r}')

    def skip(self, name, why):
        self.count += 1
        print(f'ok {self.count} - {name} # SKIP {why}', flush=True)

    def done(self):
        print(f'1..{self.count}', flush=True)
        sys.exit(1 if self.failed else 0)


class Folder:
    """Folder is a temporary one: with Folder() as path."""

    def __enter__(self):
        self.path = tempfile.mkdtemp(prefix='outcry-e2e-')
        return self.path

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)


def write_config(where, name='outcry.yaml', **values):
    """write_config writes a configuration into folder `where` and returns its path."""
    path = os.path.join(where, name)
    with open(path, 'w', encoding='ascii') as file:
        file.write(CONFIG.format(**{**DEFAULTS, **values}))
    return path


def make_journal(folder, name='journal'):
    path = os.path.join(folder, name)
    os.mkdir(path)
    return path


def digest(folder):
    """digest is what is in a folder, lock and socket left out."""
    result = {}
    for name in sorted(os.listdir(folder)):
        if name in ('lock', 'admin'):  # the socket of one that was killed
            continue
        with open(os.path.join(folder, name), 'rb') as file:
            result[name] = hashlib.sha256(file.read()).hexdigest()
    return result


def spoil(path, offset):
    """spoil turns over each bit of a byte, so that it differs whatever was there."""
    with open(path, 'r+b') as file:
        file.seek(offset)
        was = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([was ^ 0xff]))


def limit_files(size):
    """limit_files returns a preexec function: no file may become larger."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def run(outcry, *args, preexec=None, seconds=SECONDS):
    """run returns (exit code, stdout, stderr) of a command that ends by itself; line
    ends are left as they are."""
    done = subprocess.run([outcry, *args], capture_output=True, timeout=seconds,
                          preexec_fn=preexec, check=False)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


class Exchange:
    """Exchange is a running `outcry serve`; ports maps names to (address, port)."""

    def __init__(self, outcry, config, preexec=None):
        self.process = subprocess.Popen([outcry, 'serve', config], stdout=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE, preexec_fn=preexec)
        self.text = ''
        self.ports = {}
        ready = self.wait_for(r'^outcry: ready epoch (\d+)(.*)$')
        self.epoch = int(ready.group(1))
        for name, address, port in re.findall(r' (\S+)=([\d.]+):(\d+)', ready.group(2)):
            self.ports[name] = (address, int(port))

    def wait_for(self, pattern):
        """wait_for reads stderr until a line matches."""
        end = time.monotonic() + SECONDS
        fd = self.process.stderr.fileno()
        while True:
            found = re.search(pattern, self.text, re.MULTILINE)
            if found and '\n' in self.text[found.end():]:
                return found
            if not select.select([fd], [], [], max(0.0, end - time.monotonic()))[0]:
                self.kill()
                raise TimeoutError(f'no line {pattern} within {SECONDS} s:\n{self.text}')
            piece = os.read(fd, 65536)
            if not piece:
                code = self.process.wait()
                raise RuntimeError(f'the exchange ended with {code}:\n{self.text}')
            self.text += piece.decode()

    def stop(self, number=signal.SIGTERM):
        """stop ends it by a signal and returns its exit code."""
        self.process.send_signal(number)
        try:
            self.text += self.process.communicate(timeout=SECONDS)[1].decode()
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        return self.process.returncode

    def kill(self):
        """kill ends it as a crash would."""
        self.process.kill()
        self.process.communicate()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.kill()


WHY = ['--by', 'kim', '--because', 'a test']


class Operator:
    """Operator is who gives a running exchange commands, and looks at what came of it."""

    def __init__(self, tap, outcry, folder, **values):
        self.tap, self.outcry = tap, outcry
        self.config = write_config(folder, **values)
        self.journal = os.path.join(folder, 'journal')
        self.folder = folder

    def serve(self):
        return Exchange(self.outcry, self.config)

    def admin(self, *args, why=WHY, where=None, preexec=None):
        return run(self.outcry, 'admin', where or self.config, *args, *(why or []),
                   preexec=preexec)

    def good(self, text, *args, **more):
        code, out, err = self.admin(*args, **more)
        return self.tap.ok(code == 0 and re.fullmatch(text, out.rstrip('\n')),
                           ' '.join(args), code, out, err)

    def bad(self, text, *args, code=2, **more):
        got, out, err = self.admin(*args, **more)
        return self.tap.ok(got == code and text in (err if code != 1 else out),
                           f'refused: {" ".join(args)}', got, out, err)

    def show(self, *args):
        code, out, err = self.admin('show', *args, '--json', why=None)
        return json.loads(out) if code == 0 else {'limits': [], 'error': out or err}

    def limit(self, name, *args):
        """limit is one row of show."""
        return next((row for row in self.show(*args)['limits'] if row['limit'] == name), {})

    def load(self, text, *args, **more):
        path = os.path.join(self.folder, 'start.csv')
        with open(path, 'w', encoding='latin-1') as file:
            file.write(text)
        return self.admin('load', path, *args, **more)

    def audit(self, start=1):
        _, out, _ = run(self.outcry, 'audit', self.journal, '--format', 'csv', '--from', str(start))
        return list(csv.DictReader(io.StringIO(out, newline='')))
