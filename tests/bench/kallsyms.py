# SPDX-License-Identifier: MIT
"""Symbols of a kernel that comes without them: from the tables inside it.

Distributions strip vmlinux and leave a System.map without addresses, but the
kernel keeps its own symbols (kallsyms) to print call traces. symbols() unpacks
a bzImage and reads those tables, laid out as Linux 4.6 to 6.3 do:

    offsets (u32 each), relative base (u64), count (u32), names (compressed),
    markers (u32 for each 256 names), from 6.2 on and where that was taken
    over the order by name (3 bytes each), tokens (256 strings), token index

None has a name in a stripped image, so they are found by their content: the
tokens of the ten digits are the digits themselves, one after another.
"""
import gzip
import lzma
import struct

DIGITS = b"".join(b"%d\0" % n for n in range(10))
TOKENS = 256
NAMES_PER_MARKER = 256
NAME_BYTES = 512  # no symbol is longer


class KallsymsError(Exception):
    """This is no kernel whose tables are known."""


def lz4_legacy(data):
    """Unpack LZ4's legacy frame: blocks of 8 MiB, each with its size."""
    out = bytearray()
    at = 4
    while at + 4 <= len(data):
        size = int.from_bytes(data[at:at + 4], "little")
        at += 4
        if not 0 < size <= len(data) - at:
            break  # the unpacked size, which the kernel's build appends
        lz4_block(data[at:at + size], out)
        at += size
    return bytes(out)


def lz4_block(data, out):
    """Append the content of one LZ4 block to `out`."""
    at = 0
    while at < len(data):
        token = data[at]
        size, at = _lz4_length(data, at + 1, token >> 4)
        out += data[at:at + size]
        at += size
        if at >= len(data):
            return
        start = len(out) - (data[at] | data[at + 1] << 8)
        size, at = _lz4_length(data, at + 2, token & 15)
        size += 4
        piece = out[start:start + size]
        while len(piece) < size:  # it overlaps what it makes
            piece += piece[:size - len(piece)]
        out += piece


def _lz4_length(data, at, length):
    if length == 15:
        more = 255
        while more == 255:
            more = data[at]
            length += more
            at += 1
    return length, at


def unpack(bzimage):
    """The ELF file inside a bzImage; an ELF file is given back."""
    if bzimage[:4] == b"\x7fELF":
        return bzimage
    if bzimage[0x202:0x206] != b"HdrS":
        raise KallsymsError("neither a bzImage nor an ELF file")
    setup = ((bzimage[0x1f1] or 4) + 1) * 512
    offset, length = struct.unpack_from("<II", bzimage, 0x248)
    data = bzimage[setup + offset:setup + offset + length]
    for magic, how in ((b"\x1f\x8b", lambda d: gzip.decompress(d[:-4])),
                       (b"\xfd7zXZ", lambda d: lzma.decompress(d[:-4])),
                       (b"\x02\x21\x4c\x18", lz4_legacy),
                       (b"\x7fELF", bytes)):
        if data.startswith(magic):
            return how(data)
    raise KallsymsError(f"kernel packed in an unknown way: {data[:4].hex()}")


def _tokens(image):
    """Start of the token table and the tokens."""
    at = -1
    while True:
        at = image.find(b"\0" + DIGITS, at + 1)
        if at < 0:
            raise KallsymsError("no table of tokens: built without kallsyms?")
        start = at
        for _ in range(ord("0")):
            start = image.rfind(b"\0", 0, start)
        # Padding may precede the table: the index says where it begins.
        for first in range(start + 1, start + 9):
            tokens = image[first:first + 32768].split(b"\0")[:TOKENS]
            index = _index(tokens)
            end = first + index[-1] + len(tokens[-1]) + 1
            if image.find(struct.pack(f"<{TOKENS}H", *index), end,
                          end + 512 + 8) >= 0:
                return first, tokens


def _index(tokens):
    out = [0]
    for token in tokens[:-1]:
        out.append(out[-1] + len(token) + 1 & 0xffff)
    return out


def _markers(image, end):
    """Start of the table that is the next before `end`, and its values: each
    is larger than the last by the bytes of 256 names."""
    at = end - end % 4 - 4
    while at > 4:
        values = []
        while at > 4 and _is_marker(image, at):
            values.append(_u32(image, at))
            at -= 4
        if len(values) >= 3 and _u32(image, at) == 0:
            return at, [0] + values[::-1]
        at -= 4
    raise KallsymsError("no table of markers")


def _is_marker(image, at):
    step = _u32(image, at) - _u32(image, at - 4)
    return 2 * NAMES_PER_MARKER <= step < NAME_BYTES * NAMES_PER_MARKER


def _u32(image, at):
    return int.from_bytes(image[at:at + 4], "little")


def _names(image, markers_at, markers):
    """Start of the names: what is before them is their number, which is where
    the walk over them ends."""
    most = len(markers) * NAMES_PER_MARKER
    first = markers_at - markers[-1] - NAMES_PER_MARKER * NAME_BYTES
    for at in range(max(first - first % 8, 8), markers_at - markers[-1], 8):
        count = _u32(image, at - 8)
        if not most - NAMES_PER_MARKER < count <= most:
            continue
        end = at + markers[-1]
        for _ in range(count - (most - NAMES_PER_MARKER)):
            end = _name(image, end)[1]
        if end <= markers_at < end + 8:
            return at, count
    raise KallsymsError("no table of names")


def _name(image, at):
    """A name's bytes (indices of tokens) and where the next one begins."""
    size = image[at]
    if size & 0x80:
        size = size & 0x7f | image[at + 1] << 7
        at += 1
    return image[at + 1:at + 1 + size], at + 1 + size


def symbols(bzimage):
    """All symbols of a kernel: sorted [(address, type, name)], as if it were
    not moved (nokaslr). Per-CPU ones are at their offset."""
    image = unpack(bzimage)
    tokens_at, tokens = _tokens(image)
    markers_at, markers = _markers(image, tokens_at)
    at, count = _names(image, markers_at, markers)
    base_at = at - 16
    base = int.from_bytes(image[base_at:base_at + 8], "little")
    offsets_at = base_at - 4 * (count + count % 2)
    offsets = struct.unpack_from(f"<{count}i", image, offsets_at)
    out = []
    for offset in offsets:
        packed, at = _name(image, at)
        text = b"".join(tokens[n] for n in packed).decode("latin-1")
        # Positive: absolute, as per-CPU ones are. See scripts/kallsyms.c.
        address = offset if offset >= 0 else base - 1 - offset
        out.append((address, text[0], text[1:]))
    return sorted(out)
