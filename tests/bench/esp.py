# SPDX-License-Identifier: MIT
"""Boot images for the bench, made by the project's own tools/image/mkesp."""
import json
import shutil
import subprocess

from bochs import ROOT, RunError

MKESP = ROOT / "tools/image/mkesp"
BOOT_CFG = """\
# Written by tests/bench: as usual, but for the end.
poweroff-at-end=on
{more}"""


def make(out_dir, name, efi, files):
    """Build OUT/NAME.img with an .EFI file and `files` {path: Path or str}
    below \\bulkhead\\; return its path."""
    if not efi.exists():
        raise RunError(f"{efi} is missing: build it first (make)")
    tree = out_dir / f"{name}.tree"
    shutil.rmtree(tree, ignore_errors=True)
    for path, source in files.items():
        to = tree / path
        to.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(source, str):
            to.write_text(source)
        elif source.exists():
            shutil.copyfile(source, to)
        else:
            raise RunError(f"{source} is missing: build it first (make)")
    image = out_dir / f"{name}.img"
    done = subprocess.run([MKESP, "--efi", efi, "--tree", tree, "--out",
                           image], capture_output=True, text=True, check=False)
    shutil.rmtree(tree, ignore_errors=True)
    if done.returncode != 0:
        raise RunError(done.stderr.strip() or done.stdout.strip())
    return image


def partition(kernel, memory="256M", initrd=None, parameters=(), image=None,
              console="hvc0", more=None):
    """The text of a partition's JSON file: no container, so no process. `more`
    are further annotations, without their prefix."""
    vm = {"kernel": {"path": kernel, "parameters": list(parameters)}}
    if initrd:
        vm["kernel"]["initrd"] = initrd
    if image:
        vm["image"] = {"path": image, "format": "raw"}
    notes = {"io.bulkhead.memory.max": memory,
             "io.bulkhead.autostart": "true",
             "io.bulkhead.console": console}
    notes.update({"io.bulkhead." + key: value
                  for key, value in (more or {}).items()})
    return json.dumps({"ociVersion": "1.0.2", "vm": vm,
                       "annotations": notes}, indent=1) + "\n"


def boot_cfg(more=()):
    return BOOT_CFG.format(more="".join(f"{line}\n" for line in more))
