#!/usr/bin/env python3
"""mkinitrd.py - the partition's initramfs: agent, modules, busybox.

usage: mkinitrd.py OUT --agent FILE --kernel DIR --modules LIST
                   --busybox FILE --config FILE

Uncompressed on purpose: unpacking costs one copy, while each decompressor
costs many instructions a byte; and the image lies in RAM anyway.
"""
import argparse
import pathlib
import subprocess
import sys

from newc import Archive

DIRECTORIES = [
    "bin", "dev", "etc", "etc/bulkhead", "lib", "lib/modules", "proc", "sys",
]


def find_modules(kernel, names):
    """Paths of the modules, checked to be in dependency order."""
    found = {}
    for path in (kernel / "lib/modules").rglob("*.ko"):
        found[path.stem.replace("-", "_")] = path
    loaded = set()
    paths = []
    for name in names:
        key = name.replace("-", "_")
        if key not in found:
            sys.exit(f"mkinitrd: the kernel has no module {name}")
        depends = subprocess.run(
            ["modinfo", "-F", "depends", str(found[key])],
            check=True, capture_output=True, text=True,
        ).stdout.strip()
        for dependency in filter(None, depends.split(",")):
            if dependency.replace("-", "_") not in loaded:
                sys.exit(f"mkinitrd: {name} needs {dependency} above it")
        loaded.add(key)
        paths.append(found[key])
    return paths


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--agent", type=pathlib.Path, required=True)
    parser.add_argument("--kernel", type=pathlib.Path, required=True)
    parser.add_argument("--modules", type=pathlib.Path, required=True)
    parser.add_argument("--busybox", type=pathlib.Path, required=True)
    parser.add_argument("--config", type=pathlib.Path, required=True)
    args = parser.parse_args()
    lines = args.modules.read_text().splitlines()
    names = [l.strip() for l in lines if l.strip() and not l.startswith("#")]
    modules = find_modules(args.kernel, names)
    with open(args.out, "wb") as out:
        archive = Archive(out)
        for name in DIRECTORIES:
            archive.directory(name)
        archive.char_device("dev/console", 5, 1)
        archive.file("init", args.agent.read_bytes(), 0o755)
        archive.file("bin/busybox", args.busybox.read_bytes(), 0o755)
        archive.symlink("bin/sh", "busybox")
        archive.file("etc/bulkhead/default-config.json",
                     args.config.read_bytes())
        for path in modules:
            archive.file(f"lib/modules/{path.name}", path.read_bytes())
        listing = "".join(f"{path.name}\n" for path in modules)
        archive.file("lib/modules/list", listing.encode())
        archive.close()


if __name__ == "__main__":
    main()
