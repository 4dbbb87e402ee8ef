# SPDX-License-Identifier: MIT
"""rips.py and kallsyms.py: their arithmetic, on data made here."""
import struct

import kallsyms
import pytest
import rips

BASE = 0xffffffff81000000
HISTOGRAM = f"""\
rips 1 period 3 from mark 10 to root-user 99 lost 0
root-kernel {BASE:x} 2
root-kernel {BASE + 4:x} 5
guest-kernel {BASE + 0x100:x} 7
guest-user 401000 1
"""
SYMBOLS = [(0, "A", "fixed_percpu_data"), (BASE, "T", "first"),
           (BASE, "t", "alias_of_first"), (BASE + 0x100, "t", "second"),
           (BASE + 0x108, "d", "some_data")]


def test_histogram_is_scaled_by_its_period():
    period, contexts = rips.parse(HISTOGRAM)
    assert period == 3
    assert contexts["root-kernel"] == {BASE: 6, BASE + 4: 15}
    assert contexts["guest-user"] == {0x401000: 3}


@pytest.mark.parametrize("text", ["", "rips 2 period 1", "{}",
                                  HISTOGRAM.replace("lost 0", "lost 4")])
def test_bad_histogram_is_refused(text):
    with pytest.raises(rips.RipsError):
        rips.parse(text)


def test_root_counts_only_where_there_is_no_guest():
    contexts = rips.parse(HISTOGRAM)[1]
    assert rips.outside_root(contexts) == {BASE + 0x100: 21, 0x401000: 3}
    del contexts["guest-kernel"], contexts["guest-user"]
    assert rips.outside_root(contexts) == {BASE: 6, BASE + 4: 15}


@pytest.mark.parametrize("rip, name", [
    (BASE, "first"), (BASE + 0xff, "first"), (BASE + 0x109, "second"),
    (BASE - 1, rips.OTHER), (0x1000200, rips.LOW),
    (0xffffc90000000000, rips.OTHER)])
def test_function_of_an_address(rip, name):
    assert rips.Names(SYMBOLS).find(rip)[0] == name


def test_calls_are_those_of_the_first_instruction():
    rows = rips.by_function({BASE: 6, BASE + 4: 15, BASE + 0x104: 9},
                            rips.Names(SYMBOLS))
    assert rows == {"first": [21, 6], "second": [9, 0]}


def test_largest_difference_comes_first_whatever_its_sign():
    rows = rips.compare({"same": [5, 1], "less": [90, 2]},
                        {"same": [5, 1], "new": [30, 3]})
    assert [(r["function"], r["difference"]) for r in rows] == [
        ("less", -90), ("new", 30), ("same", 0)]
    text = rips.render(rows, 1).splitlines()
    assert text[2].startswith("less ") and len(text) == 5
    assert text[3].split()[:3] == ["the", "other", "2"]
    assert text[4].split()[0] == "all"
    assert float(text[4].split()[-1]) == pytest.approx(-60e-6, abs=1e-3)


def test_callers_are_compared_too():
    rows = rips.compare_calls({"a": 5, "b": 1}, {"b": 1, "c": 9})
    assert [(r["caller"], r["difference"]) for r in rows] == [
        ("c", 9), ("a", -5), ("b", 0)]
    assert rips.render_calls(rows, 1).split()[-4:] == ["c", "0", "9", "+9"]


def elf(code, address):
    """An ELF file with one segment."""
    head = bytearray(64)
    head[:5] = b"\x7fELF\x02"
    head[32:40] = (64).to_bytes(8, "little")
    head[54:58] = struct.pack("<HH", 56, 1)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 120, address, 0, len(code),
                          len(code), 0)
    return bytes(head) + segment + code


def test_callers_by_direct_calls_and_jumps():
    code = bytearray(0x110)
    code[0:5] = b"\xe8" + (0x100 - 5).to_bytes(4, "little")
    code[8:13] = b"\xe9" + (0x100 - 13).to_bytes(4, "little")
    code[16:21] = b"\xe8" + (0x101 - 21).to_bytes(4, "little")
    image = rips.Image(elf(bytes(code), BASE))
    histogram = {BASE: 4, BASE + 8: 2, BASE + 16: 9, BASE + 1: 5, 0x1000: 1}
    assert rips.callers(histogram, rips.Names(SYMBOLS), image,
                        "second") == {"first": 6}


def lz4_block(text):
    """One block: `text` as literals, then 8 bytes from 2 before the end,
    then one literal."""
    assert len(text) < 15
    return bytes([len(text) << 4 | 4]) + text + b"\x02\x00" + b"\x10!"


def test_lz4_with_a_match_that_overlaps_itself():
    block = lz4_block(b"abc")
    data = b"\x02\x21\x4c\x18" + struct.pack("<I", len(block)) + block
    assert kallsyms.lz4_legacy(data) == b"abc" + b"bc" * 4 + b"!"
    assert kallsyms.lz4_legacy(data + b"\xff\xff\xff\x7f") == \
        b"abcbcbcbcbc!"


def test_lz4_long_lengths():
    text = bytes(range(100)) * 4
    out = bytearray()
    kallsyms.lz4_block(bytes([0xff, 255, 400 - 15 - 255]) + text +
                       struct.pack("<H", 400) +
                       bytes([255, 300 - 4 - 15 - 255]), out)
    assert bytes(out) == text + text[:300]


def tables(names, offsets, base, with_order):
    """A made-up kernel: what symbols() looks for, and noise around it."""
    tokens = [bytes([n]) if 33 <= n < 127 else b"zq%d" % n
              for n in range(256)]
    packed, markers = b"", []
    for number, name in enumerate(names):
        if number % 256 == 0:
            markers.append(len(packed))
        size = len(name)
        packed += bytes([size]) if size < 128 else \
            bytes([size & 127 | 128, size >> 7])
        packed += name
    out = struct.pack(f"<{len(names)}i", *offsets)
    out += bytes(-len(out) % 8)
    out += struct.pack("<QQ", base, len(names)) + packed
    out += bytes(-len(out) % 8)
    out += struct.pack(f"<{len(markers)}I", *markers)
    out += bytes(-len(out) % 8)
    if with_order:
        for number in range(len(names)):
            out += (number * 7919 % len(names)).to_bytes(3, "big")
        out += bytes(-len(out) % 8)
    index, at = [], 0
    for token in tokens:
        index.append(at)
        at += len(token) + 1
    out += b"\0".join(tokens) + b"\0"
    out += bytes(-len(out) % 8)
    return out + struct.pack("<256H", *index)


@pytest.mark.parametrize("with_order", [False, True])
def test_symbols_out_of_a_stripped_kernel(with_order):
    names = [b"Tfunction_number_%d" % n for n in range(1500)]
    names[700] = b"t" + b"x" * 200
    offsets = [-1 - 16 * n for n in range(1500)]
    offsets[3] = 0x1f000  # per CPU, so absolute
    image = b"\x7fELF" + bytes(4092) + b"\xa5\x01" * 512 + \
        tables(names, offsets, BASE, with_order) + bytes(64)
    found = kallsyms.symbols(image)
    assert len(found) == 1500
    assert found[0] == (0x1f000, "T", "function_number_3")
    assert found[1] == (BASE, "T", "function_number_0")
    assert (BASE + 16 * 700, "t", "x" * 200) in found
    assert found[-1] == (BASE + 16 * 1499, "T", "function_number_1499")


@pytest.mark.parametrize("image", [b"", bytes(2048), b"\x7fELF" + bytes(999)])
def test_a_file_without_symbols_is_refused(image):
    with pytest.raises(kallsyms.KallsymsError):
        kallsyms.symbols(image)
