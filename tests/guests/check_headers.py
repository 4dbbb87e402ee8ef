#!/usr/bin/python3
"""Check that bare guests are bzImages that the 64-bit boot protocol takes."""
import pathlib
import struct
import sys

FIELDS = {  # offset: (format, what it must be)
    0x1f1: ("<B", 1), 0x1fe: ("<H", 0xaa55), 0x200: ("<B", 0xeb),
    0x202: ("<4s", b"HdrS"), 0x206: ("<H", 0x020f), 0x211: ("<B", 1),
    0x230: ("<I", 0x1000), 0x234: ("<B", 1), 0x236: ("<H", 1),
    0x258: ("<Q", 0x100000),
}


def problems(data):
    """What is wrong with a guest: a list of sentences."""
    bad = []
    for offset, (form, want) in FIELDS.items():
        value, = struct.unpack_from(form, data, offset)
        if value != want:
            bad.append(f"field {offset:#x} is {value!r}, not {want!r}")
    paragraphs, = struct.unpack_from("<I", data, 0x1f4)
    init_size, = struct.unpack_from("<I", data, 0x260)
    if paragraphs * 16 != len(data) - 1024:
        bad.append(f"syssize is {paragraphs * 16} bytes, "
                   f"the payload has {len(data) - 1024}")
    if not 512 < paragraphs * 16 <= 0x80000 < init_size:
        bad.append("the payload reaches into the tables at 180000h")
    if 0x202 + data[0x201] != 0x268 + 4:
        bad.append(f"the header ends at {0x202 + data[0x201]:#x}")
    if data[1024 + 0x200] != 0xfc:
        bad.append("there is no entry point (CLD) at payload + 200h")
    return bad


def main(paths):
    failed = 0
    for path in paths:
        for text in problems(pathlib.Path(path).read_bytes()):
            print(f"{path}: {text}")
            failed += 1
    print(f"{len(paths)} guests, {failed} problems")
    return 1 if failed or not paths else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
