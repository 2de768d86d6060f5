"""The exchange on each device of DPDK that a machine without a network card has.

    test_devices.py OUTCRY

af_packet and af_xdp on one end of a veth pair, tap, and vhost with virtio_user on the
other side. All happens in network namespaces that this program makes and that end with
it; what the machine does not permit is skipped with a message. On each: ARP, ICMP echo,
an order; frames of another VLAN are foreign; a link that goes down and comes back; an MTU that
is too small, and one of jumbo frames. And two devices in one process, by memif.
"""

import ctypes
import fcntl
import os
import re
import socket
import struct
import subprocess
import sys
import time

from fixp import Client
from harness import SECONDS, Exchange, Folder, Tap, make_journal, run, write_config

PX = 10**8
LIBC = ctypes.CDLL(None, use_errno=True)
NEWNET = 0x40000000
ADDRESS, PORT, NEIGHBOUR = '10.9.0.1', 9000, '10.9.0.2'
ETHTOOL, SET_TX_CHECKSUM, GET_MTU = 0x8946, 0x17, 0x8921
SOL_PACKET, AUXDATA = 263, 8
AF_XDP, SYS_BPF, PROG_LOAD = 44, 321, 5
TUNSETIFF, TAP_NO_PI = 0x400454ca, 0x1002

EAL = ['--no-huge', '--no-shconf', '-m', '128', '--no-pci', '--no-telemetry']
KERNEL = 'ports: [{name: kernel, kind: udp, address: 127.0.0.1, udp_port: 0}]'


def unshare():
    if LIBC.unshare(NEWNET) != 0:
        error = ctypes.get_errno()
        raise OSError(error, 'unshare: ' + os.strerror(error))


def ip(*args):
    subprocess.run(['ip', *args], check=True, capture_output=True, timeout=SECONDS)


class Neighbour:
    """Neighbour is another machine: a namespace with the other end of a veth pair."""

    def __init__(self):
        self.child = subprocess.Popen(['cat'], stdin=subprocess.PIPE, preexec_fn=unshare)
        self.fd = os.open(f'/proc/{self.child.pid}/ns/net', os.O_RDONLY)
        ip('link', 'add', 'v0', 'type', 'veth', 'peer', 'name', 'v1')
        ip('link', 'set', 'v1', 'netns', str(self.child.pid))
        ip('link', 'set', 'v0', 'up')
        with self:
            ip('addr', 'add', NEIGHBOUR + '/24', 'dev', 'v1')
            ip('link', 'set', 'v1', 'up')
            no_tx_checksum('v1')

    def __enter__(self):
        self.back = os.open('/proc/thread-self/ns/net', os.O_RDONLY)
        if LIBC.setns(self.fd, NEWNET) != 0:
            raise OSError(ctypes.get_errno(), 'setns')

    def __exit__(self, *_):
        LIBC.setns(self.back, NEWNET)
        os.close(self.back)

    def end(self):
        os.close(self.fd)
        self.child.stdin.close()
        self.child.wait()


def no_tx_checksum(name):
    """A veth leaves checksums to a device that is none."""
    value = ctypes.create_string_buffer(struct.pack('II', SET_TX_CHECKSUM, 0))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, ETHTOOL,
                    struct.pack('16sP', name.encode(), ctypes.addressof(value)))


def mtu(name):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        found = fcntl.ioctl(any_socket, GET_MTU, struct.pack('16si12x', name.encode(), 0))
    return struct.unpack('16si12x', found)[1]


def config_of(folder, device, vlan=None, client=None, queues=None, rule=False):
    def args(vdev):
        return '[' + ', '.join(f'"{arg}"' for arg in EAL + ['--vdev=' + vdev]) + ']'

    path = write_config(folder)
    with open(path, encoding='ascii') as file:
        text = file.read()
    port = (f'ports:\n  - name: fast\n    kind: dpdk\n    address: {ADDRESS}\n'
            f'    udp_port: {PORT}\n    eal: {args(device)}')
    if vlan is not None:
        port += f'\n    vlan: {vlan}'
    if queues is not None:
        port += f'\n    rx_queues: {queues}'
    if rule:
        port += '\n    flow_rule: true'
    if client is not None:
        port += f'\n    client: {{address: {NEIGHBOUR}, eal: {args(client)}}}'
    assert KERNEL in text
    with open(path, 'w', encoding='ascii') as file:
        file.write(text.replace(KERNEL, port))
    return path


def checksum(data):
    total = sum(struct.unpack(f'!{len(data) // 2}H', data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def ping(size):
    """ping sends an echo request until it is answered; returns whether the bytes are its own."""
    body = os.urandom(size)
    head = struct.pack('!BBHHH', 8, 0, 0, 4711, 1)
    request = struct.pack('!BBHHH', 8, 0, checksum(head + body), 4711, 1) + body
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as raw:
        raw.settimeout(0.5)
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            try:
                raw.sendto(request, (ADDRESS, 0))
                answer = raw.recv(4096)[20:]
            except OSError:
                continue
            if answer[0] == 0 and answer[4:8] == struct.pack('!HH', 4711, 1):
                return answer[8:] == body and checksum(answer) == 0
    return False


def neighbours():
    with open('/proc/thread-self/net/arp', encoding='ascii') as file:
        return {line.split()[0]: line.split()[2] for line in file.readlines()[1:]}


def trade(tap, client, kind, clord):
    told = len(client.reports)
    client.new(clord, '1', 5, 99 * PX)
    tap.same(client.wait(told + 1)[-1][0], 'New', f'{kind}: an order is taken')
    told = len(client.reports)
    client.cancel(clord + 1, clord)
    tap.same(client.wait(told + 1)[-1][0], 'Cancel', f'{kind}: and canceled')


class Raw:
    """Raw sends and receives frames with their VLAN."""

    def __init__(self, name):
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.socket.bind((name, 0))
        self.socket.setsockopt(SOL_PACKET, AUXDATA, 1)
        self.mac = self.socket.getsockname()[4]

    def who_has(self, vlan):
        """who_has asks for ADDRESS by ARP; returns the VLANs of the answers of half a second."""
        tag = b'' if vlan is None else struct.pack('!HH', 0x8100, vlan)
        arp = struct.pack('!HHBBH6s4s6s4s', 1, 0x0800, 6, 4, 1, self.mac,
                          socket.inet_aton('10.9.0.77'), bytes(6), socket.inet_aton(ADDRESS))
        self.socket.send(b'\xff' * 6 + self.mac + tag + b'\x08\x06' + arp + bytes(18))
        found = []
        end = time.monotonic() + 0.5
        self.socket.settimeout(0.1)
        while time.monotonic() < end:
            try:
                data, extra, _, _ = self.socket.recvmsg(2048, 256)
            except TimeoutError:
                continue
            if data[:6] != self.mac:
                continue
            got = None
            if data[12:14] == b'\x81\x00':
                got, data = struct.unpack('!H', data[14:16])[0], data[:12] + data[16:]
            for _, _, aux in extra:
                status, _, _, _, _, tci, _ = struct.unpack('IIIHHHH', aux[:20])
                if status & 0x10:
                    got = tci & 0xfff
            if data[12:14] == b'\x08\x06' and data[20:22] == b'\0\2':
                found.append(got)
        return found

    def answered(self, vlan):
        """answered asks until there is an answer."""
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            found = self.who_has(vlan)
            if found:
                return found[0]
        return 'no answer'


def forgive_libxdp(folder):
    """libxdp 1.3 does not give a umem back; the leak sanitizer looks at all else."""
    path = os.path.join(folder, 'leaks')
    with open(path, 'w', encoding='ascii') as file:
        file.write('leak:xsk_umem__create\n')
    os.environ['LSAN_OPTIONS'] = f'suppressions={path}:print_suppressions=0'


def check_device(tap, outcry, kind, device, neighbour):
    with Folder() as folder:
        make_journal(folder)
        if kind == 'af_xdp':
            forgive_libxdp(folder)
        config = config_of(folder, device)
        with Exchange(outcry, config) as exchange:
            if kind == 'tap':
                ip('addr', 'add', NEIGHBOUR + '/24', 'dev', 'otap0')
                ip('link', 'set', 'otap0', 'up')
            with neighbour:
                tap.ok(ping(56) and ping(1000), f'{kind}: pings are answered')
                tap.ok(neighbours().get(ADDRESS) in ('0x2', '0x6'), f'{kind}: and ARP before them',
                       neighbours())
                client = Client((ADDRESS, PORT), 'BROKER1', 'alpha')
            trade(tap, client, kind, 100)
            if kind == 'af_packet':
                ip('link', 'set', 'v0', 'down')
                ip('link', 'set', 'v0', 'up')
                with neighbour:
                    tap.ok(ping(56), f'{kind}: a link that was down is used again')
                trade(tap, client, kind, 300)
            tap.same(exchange.stop(), 0, f'{kind}: it stops')
            tap.ok(' 0 invalid,' in exchange.text, f'{kind}: nothing was broken', exchange.text)
            os.environ.pop('LSAN_OPTIONS', None)


def check_vlan(tap, outcry, neighbour):
    with Folder() as folder:
        make_journal(folder)
        config = config_of(folder, 'net_af_packet0,iface=v0', vlan=100)
        with Exchange(outcry, config) as exchange:
            with neighbour:
                raw = Raw('v1')
            tap.same(raw.answered(100), 100, 'a frame of our VLAN is answered, with its tag')
            tap.same((raw.who_has(200), raw.who_has(None), raw.who_has(0)), ([], [], []),
                     'of another or none is not')
            tap.same(raw.answered(100), 100, 'and ours still is')
            exchange.stop()
        config = config_of(folder, 'net_af_packet0,iface=v0')
        with Exchange(outcry, config) as exchange:
            tap.same(raw.answered(None), None, 'without a VLAN a frame without a tag is answered')
            tap.same(raw.answered(0), None, 'and one that tells its priority alone')
            tap.same(raw.who_has(100), [], 'but none of a VLAN')
            exchange.stop()


def check_queues(tap, outcry, neighbour):
    """The kernel spreads what comes over the queues, by address and port."""
    with Folder() as folder:
        make_journal(folder)
        config = config_of(folder, 'net_af_packet0,iface=v0,qpairs=4', queues=4)
        with Exchange(outcry, config) as exchange:
            with neighbour:
                refused = [Client((ADDRESS, PORT), 'NOBODY', 'alpha').refused for _ in range(24)]
                tap.same(refused, [(3, 0)] * 24, 'each of four queues is looked at')
                client = Client((ADDRESS, PORT), 'BROKER1', 'alpha')
            trade(tap, client, 'af_packet with four queues', 100)
            tap.same(exchange.stop(), 0, 'af_packet with four queues: it stops')
        code, _, err = run(outcry, 'serve', config_of(
            folder, 'net_af_packet0,iface=v0,qpairs=1', queues=2))
        tap.ok(code == 3 and 'has 1 queues, not 2' in err, 'more queues than there are', code, err)


def check_rule(tap, outcry, device, queues, why):
    """A device without flow rules is refused in words, where one is configured."""
    with Folder() as folder:
        make_journal(folder)
        code, _, err = run(outcry, 'serve', config_of(folder, device, queues=queues, rule=True))
        tap.ok(code == 3 and f'device 0 takes no flow rule for UDP port {PORT}: {why}' in err,
               f'{device[:14]}: a flow rule that it cannot have is refused', code, err)


def check_tap_rule(tap, outcry):
    """A tap makes flow rules of what the kernel has for traffic control, if that has it."""
    for queues, vlan in ((2, None), (3, None), (2, 100)):
        name = f'tap with a flow rule, {queues} queues, VLAN {vlan}'
        with Folder() as folder:
            make_journal(folder)
            config = config_of(folder, 'net_tap0,iface=otap0', vlan=vlan, queues=queues, rule=True)
            try:
                exchange = Exchange(outcry, config)
            except RuntimeError as error:
                refused = re.search(r'device 0 takes no flow rule for UDP port.*', str(error))
                if tap.ok(refused, f'{name}: it is taken, or refused in words', error):
                    tap.skip(name, f'this kernel: {refused.group(0)}')
                continue
            with exchange:
                ip('addr', 'add', NEIGHBOUR + '/24', 'dev', 'otap0')
                ip('link', 'set', 'otap0', 'up')
                if vlan is None:
                    client = Client((ADDRESS, PORT), 'BROKER1', 'alpha')
                    trade(tap, client, name, 100)
                    tap.ok(ping(56), f'{name}: what it is not for comes in, too')
                tap.same(exchange.stop(), 0, f'{name}: it stops')


def check_mtu(tap, outcry, neighbour):
    """A device that cannot pass our largest datagram is refused; one that could pass larger
    ones passes none that are."""
    with Folder() as folder:
        make_journal(folder)
        code, _, err = run(outcry, 'serve', config_of(
            folder, 'net_af_packet0,iface=v0,blocksz=4096,framesz=1024,framecnt=64'))
        tap.ok(code == 3 and 'does not take the MTU of 1500 bytes that datagrams of 1472 need' in err,
               'frames that are too small for our datagrams are refused', code, err)
        ip('link', 'set', 'v0', 'mtu', '9000')
        with neighbour:
            ip('link', 'set', 'v1', 'mtu', '9000')
        with Exchange(outcry, config_of(folder, 'net_af_packet0,iface=v0')) as exchange:
            with neighbour:
                tap.ok(ping(1400), 'a device of jumbo frames is taken')
                sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                sender.sendto(bytes(8000), (ADDRESS, PORT))
                tap.ok(ping(1472), 'and still there after a frame of eight thousand bytes')
                sender.close()
            tap.same(exchange.stop(), 0, 'jumbo frames: it stops')
        tap.same(mtu('v0'), 1500, 'its MTU is ours')
        with neighbour:
            ip('link', 'set', 'v1', 'mtu', '1500')


def check_vhost(tap, outcry, vlan):
    name = 'vhost' if vlan is None else f'vhost, VLAN {vlan}'
    with Folder() as folder:
        make_journal(folder)
        path = os.path.join(folder, 'vhost.sock')
        config = config_of(folder, f'net_vhost0,iface={path},queues=1', vlan,
                           f'net_virtio_user0,path={path},queues=1')
        with Exchange(outcry, config) as exchange:
            code, out, err = run(outcry, 'load', config, '--port', 'fast', '--orders', '2000',
                                 '--rate', '2000')
            counts = dict(line.split() for line in out.splitlines() if len(line.split()) == 2)
            tap.ok(code == 0 and counts.get('sent') == '2000' and counts.get('lost') == '0',
                   f'{name}: orders from virtio_user are answered', code, out, err)
            tap.same(exchange.stop(), 0, f'{name}: it stops')


def quoted(args):
    return '[' + ', '.join(f'"{arg}"' for arg in args) + ']'


def check_two(tap, outcry):
    """Two devices in one process, each with a gateway of its own, in a thread of its own."""
    with Folder() as folder:
        make_journal(folder)
        # What a disk does that others want too is not asked about here.
        path = write_config(folder, ack='memory', threads=(
            '  - {name: exchange, stages: [gateway, engine], idle: yield}\n'
            '  - {name: other, stages: [door], idle: yield}\n'
            '  - {name: journal, stages: [journal], idle: block}'))
        with open(path, encoding='ascii') as file:
            text = file.read()
        ports = 'ports:\n'
        for number, eal, more in ((0, EAL, ''), (1, [], ', stage: door, device: net_memif1')):
            memif = f'id=0,socket={folder}/memif{number},socket-abstract=no'
            ports += (f'  - {{name: fast{number}, kind: dpdk, address: 10.9.{number}.1, '
                      f'udp_port: 9000{more},\n     eal: '
                      + quoted(eal + [f'--vdev=net_memif{number},role=server,{memif}'])
                      + f',\n     client: {{address: 10.9.{number}.2, eal: '
                      + quoted(EAL + [f'--vdev=net_memif0,role=client,{memif}']) + '}}\n')
        assert KERNEL in text
        with open(path, 'w', encoding='ascii') as file:
            file.write(text.replace(KERNEL, ports))
        with Exchange(outcry, path) as exchange:
            for port in ('fast0', 'fast1', 'fast0'):
                code, out, err = run(outcry, 'load', path, '--port', port, '--orders', '1000',
                                     '--rate', '2000')
                counts = dict(line.split() for line in out.splitlines() if len(line.split()) == 2)
                tap.ok(code == 0 and counts.get('sent') == '1000' and counts.get('lost') == '0',
                       f'two devices: orders by {port} are answered', code, out, err)
            tap.same(exchange.stop(), 0, 'two devices: it stops')
            for port in ('fast0', 'fast1'):
                found = re.search(rf'port {port}: (\d+) datagrams in', exchange.text)
                tap.ok(found and int(found.group(1)) > 0, f'two devices: {port} had its own',
                       exchange.text)
        with open(path, 'w', encoding='ascii') as file:
            file.write(text.replace(KERNEL, ports.replace('device: net_memif1',
                                                          'device: net_memif7')))
        code, _, err = run(outcry, 'serve', path)
        tap.ok(code == 3 and 'no device net_memif7 by these EAL arguments' in err,
               'a device that is not there', code, err)


def may_packet():
    """may_packet tells why there is no AF_PACKET here, None if there is."""
    try:
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0).close()
    except OSError as error:
        return f'no packet sockets: {error}'
    return None


def may_xdp():
    """may_xdp tells why no program for packets can be loaded here, None if one can."""
    code = struct.pack('<BBhi', 0xb7, 0, 0, 2) + struct.pack('<BBhi', 0x95, 0, 0, 0)  # XDP_PASS
    program, license_text = ctypes.create_string_buffer(code), ctypes.create_string_buffer(b'GPL')
    attributes = ctypes.create_string_buffer(
        struct.pack('<IIQQ', 6, 2, ctypes.addressof(program), ctypes.addressof(license_text)), 128)
    try:
        socket.socket(AF_XDP, socket.SOCK_RAW, 0).close()
    except OSError as error:
        return f'no sockets of AF_XDP: {error}'
    number = LIBC.syscall(SYS_BPF, PROG_LOAD, attributes, len(attributes))
    if number < 0:
        return f'no BPF: {os.strerror(ctypes.get_errno())}'
    os.close(number)
    return None


def may_tap():
    """may_tap tells why no tap can be made here, None if one can."""
    try:
        fd = os.open('/dev/net/tun', os.O_RDWR)
    except OSError as error:
        return f'no tap: {error}'
    try:
        fcntl.ioctl(fd, TUNSETIFF, struct.pack('16sH22x', b'otap1', TAP_NO_PI))
    except OSError as error:
        return f'no tap: {error}'
    finally:
        os.close(fd)
    return None


class Here:
    """Here is this namespace itself."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


def main():
    outcry = os.path.abspath(sys.argv[1])
    tap = Tap()
    check_vhost(tap, outcry, None)
    check_vhost(tap, outcry, 100)
    check_two(tap, outcry)
    try:
        unshare()
        ip('link', 'set', 'lo', 'up')
        neighbour = Neighbour()
    except (OSError, subprocess.CalledProcessError) as error:
        tap.skip('af_packet, af_xdp and tap', f'no network namespaces: {error}')
        tap.done()
        return
    why = may_packet()
    if why is None:
        check_device(tap, outcry, 'af_packet', 'net_af_packet0,iface=v0', neighbour)
        check_vlan(tap, outcry, neighbour)
        check_queues(tap, outcry, neighbour)
        check_mtu(tap, outcry, neighbour)
        check_rule(tap, outcry, 'net_af_packet0,iface=v0,qpairs=2', 2, 'Function not implemented')
    else:
        tap.skip('af_packet', why)
    why = may_xdp()
    if why is None:
        check_device(tap, outcry, 'af_xdp', 'net_af_xdp0,iface=v0', neighbour)
    else:
        tap.skip('af_xdp', why)
    neighbour.end()
    why = may_tap()
    if why is None:
        check_device(tap, outcry, 'tap', 'net_tap0,iface=otap0', Here())
        check_tap_rule(tap, outcry)
    else:
        tap.skip('tap', why)
    tap.done()


if __name__ == '__main__':
    main()
