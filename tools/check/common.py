"""common.py - what all checks share: the list of files, the compiler flags of
each folder as data, a cache of what passed, and the shape of a report."""
import argparse
import concurrent.futures
import hashlib
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
CACHE = os.path.join(ROOT, "build", "check")
JOBS = int(os.environ.get("CHECK_JOBS", "2"))

WARNINGS = ("-Wall -Wextra -Wconversion -Wno-sign-conversion -Wshadow -Wvla "
            "-Wundef -Wmissing-prototypes -Werror").split()
FREESTANDING = ("-std=gnu17 -O2 -ffreestanding -mno-red-zone "
                "-mgeneral-regs-only -fno-stack-protector -mcmodel=kernel "
                "-fno-pic -fno-strict-aliasing -DBULKHEAD_VERSION=\"check\" "
                "-Iinclude -I. -Ibuild/gen").split()
HOSTED = "-std=gnu17 -O1 -fno-strict-aliasing -Iinclude -I. -Ibuild/gen".split()
TESTS = HOSTED + ['-DBULKHEAD_VERSION="check"'] + [w for folder in ("vmm", "drivers/phys", "tests/lib",
                                   "tests/fake_arch", "boot", "guest/agent",
                                   "tests/unit")
                  for w in ("-iquote", folder)]
EFI = ("-std=gnu17 -O2 -ffreestanding -fpic -fshort-wchar -mno-red-zone "
       "-mgeneral-regs-only -fno-stack-protector -fno-strict-aliasing "
       "-DGNU_EFI_USE_MS_ABI -Iinclude -Iboot -I. -isystem /usr/include/efi "
       "-isystem /usr/include/efi/x86_64").split()
NO_CONVERSION = ["-Wno-conversion"]

# The longest prefix of a path decides: (prefix, flags, extra warning flags).
FLAGS = [
    ("arch/", FREESTANDING, []),
    ("mm/", FREESTANDING, []),
    ("vmm/", FREESTANDING, []),
    ("drivers/", FREESTANDING, []),
    ("include/", FREESTANDING, []),
    ("tests/selftest/", FREESTANDING, []),
    ("tests/guests/", FREESTANDING, []),
    ("boot/", EFI, []),
    ("tests/bench/native/", EFI, NO_CONVERSION),
    ("guest/", HOSTED, NO_CONVERSION),
    ("tools/", HOSTED, NO_CONVERSION),
    ("tests/", TESTS, NO_CONVERSION),
]


def flags_of(path):
    """Compiler flags of the file at @path, or None if no C is expected."""
    best = max((row for row in FLAGS if path.startswith(row[0])),
               key=lambda row: len(row[0]), default=None)
    if best is None:
        return None
    # not -I: a folder's own sched.h must not hide the system's <sched.h>
    own_folder = "-iquote" + (os.path.dirname(path) or ".")
    flags = best[1] + [own_folder] + WARNINGS + best[2]
    if "-ffreestanding" not in flags and "#define _GNU_SOURCE" not in read(
            path):
        flags.append("-D_GNU_SOURCE")
    return flags


def project_files(*suffixes):
    """Tracked and new files that git does not ignore, sorted."""
    out = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT,
        capture_output=True, text=True)
    if out.returncode == 0:
        names = out.stdout.split("\n")
    else:  # an unpacked archive has no git
        names = [os.path.relpath(os.path.join(d, f), ROOT)
                 for d, dirs, files in os.walk(ROOT) for f in files
                 if "build" not in os.path.relpath(d, ROOT).split(os.sep)
                 and ".git" not in d.split(os.sep)]
    return sorted({n for n in names if n and n.endswith(suffixes)
                   and os.path.isfile(os.path.join(ROOT, n))})


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8",
              errors="replace") as f:
        return f.read()


INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.M)
SEARCH = ["include", ".", "build/gen"]
SEARCH_QUOTED = ["boot", "vmm", "tests/lib", "tests/fake_arch", "drivers/phys",
                 "guest/agent"]


def includes_of(path):
    """[(line, spelling, resolved path in the project or None)] of a file."""
    text = read(path)
    found = []
    for m in INCLUDE.finditer(text):
        line = text.count("\n", 0, m.start()) + 1
        places = SEARCH
        if m[1] == '"':  # <sched.h> is the system's, whatever folders hold
            places = [os.path.dirname(path)] + SEARCH + SEARCH_QUOTED
        target = None
        for place in places:
            guess = os.path.normpath(os.path.join(place, m[2]))
            if os.path.isfile(os.path.join(ROOT, guess)):
                target = guess
                break
        found.append((line, m[1] + m[2] + (">" if m[1] == "<" else '"'),
                      target))
    return found


_closures = {}


def closure(path):
    """The file and all project files that it includes, at any depth."""
    if path not in _closures:
        seen, todo = set(), [path]
        while todo:
            now = todo.pop()
            if now not in seen:
                seen.add(now)
                todo += [t for _, _, t in _direct(now) if t]
        _closures[path] = sorted(seen)
    return _closures[path]


_includes = {}


def _direct(path):
    if path not in _includes:
        _includes[path] = includes_of(path)
    return _includes[path]


_digests = {}


def digest(path, *more):
    """A hash of the file, what it includes, and @more."""
    h = hashlib.sha256(repr(more).encode())
    for part in closure(path):
        if part not in _digests:
            _digests[part] = hashlib.sha256(read(part).encode()).digest()
        h.update(part.encode() + _digests[part])
    return h.hexdigest()


def is_cached(step, key):
    return os.path.exists(os.path.join(CACHE, step, key))


def set_cached(step, key):
    os.makedirs(os.path.join(CACHE, step), exist_ok=True)
    with open(os.path.join(CACHE, step, key), "w", encoding="ascii"):
        pass


_versions = {}


def version(tool):
    """First line of `tool --version`; exits with the remedy if it is missing."""
    if tool not in _versions:
        try:
            out = subprocess.run([tool, "--version"], capture_output=True,
                                 text=True, check=True).stdout
        except (OSError, subprocess.CalledProcessError):
            sys.exit(f"{tool}: not found\n  remedy: tools/setup.sh tests")
        _versions[tool] = out.strip()
    return _versions[tool]


def run_cached(step, jobs):
    """Run [(label, key, command)], @JOBS at a time; what passed is remembered.

    Returns (failures as [(label, output)], count of cached ones)."""
    todo = [j for j in jobs if not is_cached(step, j[1])]

    def one(job):
        label, key, command = job
        out = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        if out.returncode == 0:
            set_cached(step, key)
            return None
        return label, (out.stdout + out.stderr).strip()

    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        results = list(pool.map(one, todo))
    return [r for r in results if r], len(jobs) - len(todo)


def arguments(doc, what="files"):
    """--help shows the check's own docstring; the rest limits it to files."""
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(what, nargs="*",
                        help="limit the check to these (default: all)")
    return parser.parse_args()


def choose(wanted, files):
    """The files that the operator named, or all."""
    if not wanted:
        return files
    names = {os.path.relpath(os.path.abspath(w), ROOT) for w in wanted}
    return [f for f in files if f in names]


def first_lines(text, count=8):
    lines = text.split("\n")
    more = len(lines) - count
    return "\n".join(lines[:count]
                     + ([f"  ... {more} more lines"] if more > 0 else []))


def finish(name, count, problems, remedy, note=""):
    """Print what broke, the remedy, one summary line; exit 0 or 1."""
    for problem in problems:
        print(problem)
    if problems:
        print(f"  remedy: {remedy}")
    verdict = f"{len(problems)} broken" if problems else "ok"
    print(f"check {name}: {count} looked at, {verdict}"
          + (f" ({note})" if note else ""))
    sys.exit(1 if problems else 0)
