#!/usr/bin/env python3
"""test_client: the installed client library is all that a broker's program needs.

Installs BUILD into a temporary folder, and from there on uses nothing else: client.c
builds by pkg-config against the shared and the static library and trades with a real
exchange over UDP and TCP; the libraries have the names of the public headers and no
other; device.c logs in over DPDK's shared memory.

usage: test_client.py BUILD
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'e2e'))

from harness import Exchange, Tap, make_journal, write_config  # pylint: disable=wrong-import-position

STRICT = ['-std=gnu11', '-Wall', '-Wextra', '-Wpedantic', '-Wconversion', '-Wshadow', '-Werror', '-O1']
PORTS = '''
ports:
  - {name: kernel, kind: udp, address: 127.0.0.1, udp_port: 0}
  - {name: stream, kind: tcp, address: 127.0.0.1, tcp_port: 0}
'''
MEMIF = 'net_memif0,role={},id=0,socket={},socket-abstract=no'
DEVICE = '''ports:
  - name: fast
    kind: dpdk
    address: 10.99.0.1
    udp_port: 9000
    eal: ["--no-huge", "--no-shconf", "-m", "128", "--no-pci", "--no-telemetry", "--vdev={}"]
'''
SAID = 'report 1: template 20\nclosed\n'


class Installed:
    """Installed is what `meson install` left in a folder."""

    def __init__(self, build, root):
        self.root = root
        self.done = subprocess.run(['meson', 'install', '-C', build, '--no-rebuild', '--quiet',
                                    '--destdir', root], capture_output=True, text=True, check=False)
        self.found = {name: os.path.join(folder, name) for folder, _, names in os.walk(root)
                      for name in names}

    def complete(self):
        return self.done.returncode == 0 and {
            'outcry-client.pc', 'outcry-dpdk.pc', 'liboutcry-client.a', 'liboutcry-client.so',
            'liboutcry-dpdk.so', 'client.h', 'port.h', 'orders.h', 'types.h'} <= set(self.found)

    def config(self, name, *args):
        """config asks pkg-config, which puts the folder before our paths; those of the
        system's own packages are left to it."""
        folder = os.path.dirname(self.found['outcry-client.pc'])
        env = {**os.environ, 'PKG_CONFIG_PATH': folder}
        text = subprocess.run(['pkg-config', *args, name], env=env, capture_output=True, text=True,
                              check=True).stdout
        return [re.sub(r'^(-[IL])(?=/usr/local)', rf'\1{self.root}', word) for word in text.split()]


def build(tap, installed, source, name, how, flags):
    program = os.path.join(installed.root, f'{os.path.basename(source)}_{how}')
    done = subprocess.run(['gcc', *STRICT, source, *installed.config(name, '--cflags'), *flags,
                           '-o', program], capture_output=True, text=True, check=False)
    tap.ok(done.returncode == 0, f'{os.path.basename(source)} builds, {how}',
           *done.stderr.splitlines()[:20])
    return program if done.returncode == 0 else None


def config_with(folder, name, ports):
    """config_with makes a folder of its own for an exchange with these ports."""
    where = os.path.join(folder, name)
    os.mkdir(where)
    make_journal(where)
    config = write_config(where)
    with open(config, encoding='ascii') as file:
        text = re.sub(r'^ports: .*$', ports.strip(), file.read(), flags=re.MULTILINE)
    with open(config, 'w', encoding='ascii') as file:
        file.write(text)
    return config


def environment(installed):
    return {**os.environ,
            'LD_LIBRARY_PATH': os.path.dirname(installed.found['liboutcry-client.so'])}


def log_in(tap, installed, outcry, program, folder):
    """log_in lets a program with a port of DPDK log in over shared memory."""
    path = os.path.join(folder, 'memif.sock')
    config = config_with(folder, 'fast', DEVICE.format(MEMIF.format('server', path)))
    with Exchange(outcry, config) as exchange:
        done = subprocess.run([program, '--vdev=' + MEMIF.format('client', path), 'BROKER1', 'alpha'],
                              capture_output=True, text=True, timeout=60, check=False,
                              env=environment(installed))
        tap.ok(done.returncode == 0 and done.stdout.endswith('closed\n'),
               'the program logs in over shared memory', done.returncode, done.stdout, done.stderr)
        exchange.stop()


def trade(tap, installed, outcry, programs, folder):
    """trade lets each program trade with one exchange, over UDP and over TCP."""
    config, env = config_with(folder, 'plain', PORTS), environment(installed)
    with Exchange(outcry, config) as exchange:
        for how, program in programs.items():
            for kind, port in (('udp', 'kernel'), ('tcp', 'stream')):
                where = f'{kind}:127.0.0.1:{exchange.ports[port][1]}'
                done = subprocess.run([program, where, 'BROKER1', 'alpha'], capture_output=True,
                                      text=True, timeout=60, check=False, env=env)
                tap.ok(done.returncode == 0 and done.stdout == SAID,
                       f'the program trades over {kind}, {how}', done.returncode, done.stdout,
                       done.stderr)
        for where, text in (('udp:127.0.0.1', 'expected udp:ADDRESS:PORT'),
                            ('tcp:localhost:1', 'expected udp:ADDRESS:PORT'),
                            ('udp:127.0.0.1:0', 'expected udp:ADDRESS:PORT'),
                            ('udp:127.0.0.1:65536', 'expected udp:ADDRESS:PORT'),
                            ('127.0.0.1:9001', 'expected udp:ADDRESS:PORT')):
            done = subprocess.run([program, where, 'BROKER1', 'alpha'], capture_output=True,
                                  text=True, timeout=60, check=False, env=env)
            tap.ok(done.returncode == 2 and text in done.stderr, f'{where} is refused', done.stderr)
        where = f'udp:127.0.0.1:{exchange.ports["kernel"][1]}'
        done = subprocess.run([program, where, 'BROKER1', 'wrong'], capture_output=True, text=True,
                              timeout=60, check=False, env=env)
        tap.ok(done.returncode == 1 and 'closed: negotiation refused, Credentials' in done.stdout,
               'a wrong key is said', done.stdout, done.stderr)
        exchange.stop()


def symbols(path, *args):
    text = subprocess.run(['nm', *args, path], capture_output=True, text=True, check=True).stdout
    return {row[-1].partition('@')[0] for row in map(str.split, text.splitlines()) if len(row) >= 2}


def declared(path):
    """declared are the functions that a header declares and does not define."""
    with open(path, encoding='utf-8') as file:
        text = re.sub(r'/\*.*?\*/', '', file.read(), flags=re.DOTALL)
    return set(re.findall(r'\b((?:client|port)_\w+)\([^;{]*\);', text)) - \
        set(re.findall(r'\bstatic inline .*\n(\w+)\(', text))


def check_names(tap, installed):
    client, port = declared(installed.found['client.h']), declared(installed.found['port.h'])
    dpdk = {name for name in port if 'dpdk' in name}
    tap.ok(len(client) > 15 and len(port) > 4 and len(dpdk) == 1, 'the headers were understood',
           client, port)
    for name, args, expected in (('liboutcry-client.so', ['-D'], client | port - dpdk),
                                 ('liboutcry-client.a', ['-g'], client | port - dpdk),
                                 ('liboutcry-dpdk.so', ['-D'], dpdk)):
        found = symbols(installed.found[name], *args, '--defined-only')
        tap.ok(found == expected, f'{name} has the names of the headers and no other',
               f'more: {sorted(found - expected)}', f'less: {sorted(expected - found)}')


def main():
    tap = Tap()
    folder = tempfile.mkdtemp(prefix='outcry-client-')
    try:
        build_root = os.path.abspath(sys.argv[1])
        installed = Installed(build_root, os.path.join(folder, 'root'))
        tap.ok(installed.complete(), 'meson install gives libraries, headers and pkg-config',
               installed.done.stderr, sorted(installed.found))
        if installed.complete():
            check_names(tap, installed)
            source = os.path.join(HERE, 'client.c')
            static = [installed.found['liboutcry-client.a'],
                      *[word for word in installed.config('outcry-client', '--libs', '--static')
                        if 'outcry' not in word]]
            programs = {
                'shared': build(tap, installed, source, 'outcry-client', 'shared',
                                installed.config('outcry-client', '--libs')),
                'static': build(tap, installed, source, 'outcry-client', 'static', static),
            }
            device = build(tap, installed, os.path.join(HERE, 'device.c'), 'outcry-dpdk', 'shared',
                           installed.config('outcry-dpdk', '--libs'))
            outcry = os.path.join(build_root, 'outcry')
            if all(programs.values()):
                trade(tap, installed, outcry, programs, folder)
            if device:
                log_in(tap, installed, outcry, device, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    tap.done()


if __name__ == '__main__':
    main()
