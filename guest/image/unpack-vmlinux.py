#!/usr/bin/python3
"""Unpack the ELF kernel in a bzImage: vmlinux, as other boot protocols want it.

usage: unpack-vmlinux.py BZIMAGE OUT

Nothing in it is changed. "The Linux/x86 Boot Protocol": payload_offset and
payload_length say where the compressed kernel is.
"""
import pathlib
import struct
import subprocess
import sys

PACKERS = {     # first bytes -> who unpacks it, from standard input to output
    b"\x1f\x8b": ("gzip", "-dc"),
    b"\xfd7zXZ": ("xz", "-dc", "--single-stream"),
    b"\x28\xb5\x2f\xfd": ("zstd", "-dc"),
    b"\x02\x21\x4c\x18": ("lz4", "-dc"),
}
HEADER = 0x202          # "HdrS"
SETUP_SECTS = 0x1f1
PAYLOAD = 0x248         # payload_offset, payload_length
SECTOR = 512


def payload(image):
    """The compressed kernel of a bzImage."""
    if image[HEADER:HEADER + 4] != b"HdrS":
        raise ValueError("no bzImage")
    offset, length = struct.unpack_from("<II", image, PAYLOAD)
    at = ((image[SETUP_SECTS] or 4) + 1) * SECTOR + offset
    return image[at:at + length]


def unpack(image):
    packed = payload(image)
    for magic, command in PACKERS.items():
        if packed.startswith(magic):
            # behind the packed bytes stands their size: tools complain of it
            done = subprocess.run(command, input=packed[:-4], check=False,
                                  stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE)
            if not done.stdout.startswith(b"\x7fELF"):
                raise ValueError("%s: %s" % (
                    command[0], done.stderr.decode(errors="replace")))
            return done.stdout
    raise ValueError("packed by something unknown: %s" % packed[:6].hex())


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    pathlib.Path(sys.argv[2]).write_bytes(
        unpack(pathlib.Path(sys.argv[1]).read_bytes()))
