#!/usr/bin/env python3
"""check_proof: checks a proof of `outcry prove`, with nothing of outcry.

Written after docs/journal.md (Tamper evidence) alone, with BLAKE2b of Python's standard
library and the Ed25519 of RFC 8032, section 6, so that who does not trust the
exchange need not trust its programs either. It takes a key file with one key or a
line of keys, of which it believes the first.

usage: check_proof.py PROOF KEY.pub
exit codes: 0 proven, 1 not proven, 2 wrong usage or a file cannot be read
"""

import hashlib
import struct
import sys

# Ed25519, the verifying half. Slow, and that does not matter.
P = 2**255 - 19
Q = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


def add(a, b):
    s, t = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    u, v = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, f, g, h = t - s, v - u, v + u, t + s
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(number, point):
    result = (0, 1, 1, 0)
    while number > 0:
        if number & 1:
            result = add(result, point)
        point, number = add(point, point), number >> 1
    return result


def point_of(data):
    """point_of takes a point out of 32 bytes, None if there is none."""
    y, sign = int.from_bytes(data, 'little') & ~(1 << 255), data[31] >> 7
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P != 0:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - square) % P != 0 or (x == 0 and sign == 1):
        return None
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


BASE = point_of((4 * pow(5, P - 2, P) % P).to_bytes(32, 'little'))


def is_signed(key, message, signature):
    a, r = point_of(key), point_of(signature[:32])
    s = int.from_bytes(signature[32:], 'little')
    if a is None or r is None or s >= Q:
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), 'little') % Q
    left, right = times(s, BASE), add(r, times(h, a))
    return (left[0] * right[2] - right[0] * left[2]) % P == 0 and \
        (left[1] * right[2] - right[1] * left[2]) % P == 0


class NotProven(Exception):
    pass


def need(condition, text):
    if not condition:
        raise NotProven(text)


def digest(tag, data):
    return hashlib.blake2b(bytes([tag]) + data, digest_size=32).digest()


def messages_of(cells):
    """messages_of cuts cells into messages."""
    found = []
    while cells:
        count = cells[1] & 0x1f
        need(0 < count <= 26 and cells[0] < 128 and len(cells) >= 64 * count, 'no message')
        need(all(cells[64 * i] >= 128 and cells[64 * i + 1] & 0x1f == 0 and
                 not cells[64 * i - 63] & 0x80 for i in range(1, count)), 'no message')
        found.append(cells[:64 * count])
        cells = cells[64 * count:]
    return found


def root_of(low, high, first, leaves, hashes):
    """root_of is the root of leaves low to high - 1, from what is proven and the hashes."""
    if high <= first or low >= first + len(leaves):
        need(hashes, 'a hash is missing')
        return hashes.pop(0)
    if high - low == 1:
        return leaves[low - first]
    k = 1
    while 2 * k < high - low:
        k *= 2
    left = root_of(low, low + k, first, leaves, hashes)
    return digest(1, left + root_of(low + k, high, first, leaves, hashes))


SEAL = struct.Struct('<8sHHI16s11QII16s16s32s32s32s64s')
SEAL_FIELDS = ('magic version shard flags journal segment_no pages_cnt first_seq last_seq '
               'messages_cnt cells_cnt commands_cnt first_time last_time sealed_time end_seq '
               'end_epoch reserved end_hash key_id root prev opening signature').split()


def seal_of(data):
    """seal_of takes a seal apart; its signature is not checked."""
    need(len(data) == SEAL.size, 'a seal has 320 bytes')
    seal = dict(zip(SEAL_FIELDS, SEAL.unpack(data)), statement=data[:256])
    need(seal['magic'] == b'OTCYSEAL' and seal['version'] == 1, 'no seal of version 1')
    need(seal['reserved'] == 0 and seal['flags'] & ~1 == 0 and seal['shard'] < 16, 'no seal')
    return seal


def keys_of(text):
    """keys_of maps key ids to public keys: the first line's, and those before it."""
    lines = text.decode('ascii').splitlines()
    words = lines[0].split(' ')
    need(words[:2] == ['outcry-public-key', '1'], 'no public key')
    keys = [bytes.fromhex(words[2])]
    for line in lines[1:]:
        word, key, signature = line.split(' ')
        keys.append(bytes.fromhex(key))
        need(word == 'signed-by' and is_signed(keys[-1], b'OTCYKEY1' + keys[-2],
                                               bytes.fromhex(signature)), 'a key is not announced')
    return {digest(4, key)[:16]: key for key in keys}


def check_part(data, keys):
    """check_part returns (seal, first, messages, bytes used)."""
    need(len(data) >= 344, 'cut off')
    seal = seal_of(data[:320])
    first, messages_cnt, cells_cnt, hashes_cnt, reserved = struct.unpack_from('<QIIII', data, 320)
    end = 344 + 64 * cells_cnt + 32 * hashes_cnt
    need(reserved == 0 and len(data) >= end, 'cut off')
    messages = messages_of(data[344:344 + 64 * cells_cnt])
    need(len(messages) == messages_cnt > 0, 'another number of messages')
    need(first + messages_cnt <= seal['messages_cnt'], 'outside of the tree')
    hashes = [data[at:at + 32] for at in range(344 + 64 * cells_cnt, end, 32)]
    leaves = [digest(0, message) for message in messages]
    root = root_of(0, seal['messages_cnt'], first, leaves, hashes)
    need(not hashes and root == seal['root'], 'messages and hashes do not lead to the root')
    need(seal['key_id'] in keys, 'signed by another key')
    need(is_signed(keys[seal['key_id']], seal['statement'], seal['signature']), 'not signed')
    return seal, first, messages, end


def check_proof(data, keys):
    """check_proof returns the seals and the messages of a proof, or raises NotProven."""
    need(len(data) >= 32, 'no proof')
    magic, version, reserved, parts_cnt, size, more = struct.unpack_from('<8sHHIQQ', data)
    need(magic == b'OTCYPROF' and version == 1, 'no proof of version 1')
    need(reserved == 0 and more == 0 and size == len(data) and parts_cnt > 0, 'header')
    at, seals, messages, before = 32, [], [], None
    for _ in range(parts_cnt):
        seal, first, found, used = check_part(data[at:], keys)
        if before is not None:
            need(seal['prev'] == digest(2, seals[-1]['statement']) and
                 seal['segment_no'] == seals[-1]['segment_no'] + 1 and
                 first == 0 and before == seals[-1]['messages_cnt'], 'something lies between')
        at, before = at + used, first + len(found)
        seals.append(seal)
        messages += found
    need(at == len(data), 'something follows')
    need(len({message[8:16] for message in messages}) == 1, 'of several commands')
    if len(messages) > 1:
        need(messages[0][0] < 64 and all(message[0] >= 64 for message in messages[1:]) and
             [message[-63] >> 7 for message in messages] == [0] * (len(messages) - 1) + [1],
             'neither one message nor a whole group')
    return seals, messages


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__.partition('usage: ')[2].partition('\n')[0])
    try:
        with open(sys.argv[1], 'rb') as file:
            data = file.read()
        with open(sys.argv[2], 'rb') as file:
            keys = keys_of(file.read())
    except OSError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    try:
        seals, messages = check_proof(data, keys)
    except NotProven as why:
        print(f'NOT PROVEN: {why}')
        sys.exit(1)
    seq, time = struct.unpack_from('<QQ', messages[0], 8)
    print(f'proven: seq {seq}, time {time}, {len(messages)} messages, segment '
          f'{seals[0]["segment_no"]} of journal {seals[0]["journal"].hex()}')
    for message in messages:
        print('kind', message[0], message.hex())


if __name__ == '__main__':
    main()
