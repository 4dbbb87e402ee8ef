#!/usr/bin/env python3
"""limits.py - lengths, and words that must not be committed.

Files have at most 800 lines, C functions at most 60, lines of C 80 columns (a
tab is 8). No unfinished-work markers, no absolute path of a developer's
machine."""
import re

import common

FILE_LINES = 800
FUNCTION_LINES = 60
COLUMNS = 80

# Spelled so that this file does not find itself.
WORDS = ["TO" + "DO", "FIX" + "ME", "X" + "XX", "HA" + "CK"]
MARKERS = re.compile(r"\b(" + "|".join(WORDS) + r")\b")
PATHS = re.compile(r"(?<![\w.])/(home|Users|root|work|workspace|mnt)/[\w.-]+")
TEXT = (".c", ".h", ".py", ".sh", ".asm", ".inc", ".ld", ".mk", ".md", ".json",
        ".txt", ".yml", ".yaml", "Makefile", ".cfg")
# Words in quotes or code of these files are their subject, not a leftover.
WORDS_ALLOWED = ("tools/check/", "tests/unit/test_check")
# /root is where a container's own user may live.
PATHS_ALLOWED = ("guest/", "tests/unit/test_check", "tests/e2e/", "tests/unit/",
                 "tests/fuzz/")


def functions(text):
    """(first line, name, lines) of each function body at column 0 of C."""
    lines = text.split("\n")
    start = None
    for number, line in enumerate(lines, 1):
        if line == "{" and start is None:
            head = number
            while head > 1 and lines[head - 2].strip() and not lines[
                    head - 2].startswith(("}", "#", " */", "*/")):
                head -= 1
            start = head
            body = number
        elif line.startswith("}") and start is not None:
            signature = " ".join(lines[start - 1:body - 1])
            name = re.search(r"(\w+)\(", signature)
            if name and line.rstrip() == "}":
                yield start, name[1], number - body - 1
            start = None


def width(line):
    return len(line.expandtabs(8))


def judge(path, text):
    """What is too long or must not be there, as [(line, text)]."""
    found = []
    lines = text.split("\n")
    is_c = path.endswith((".c", ".h"))
    if len(lines) - 1 > FILE_LINES and not path.endswith(".md"):
        found.append((1, f"{len(lines) - 1} lines in the file, at most "
                         f"{FILE_LINES}"))
    if is_c:
        for line, name, count in functions(text):
            if count > FUNCTION_LINES:
                found.append((line, f"{name}() has {count} lines, at most "
                                    f"{FUNCTION_LINES}"))
    fenced = False
    for number, line in enumerate(lines, 1):
        fenced = "clang-format off" in line or (
            fenced and "clang-format on" not in line)
        if is_c and not fenced and width(line) > COLUMNS:
            found.append((number, f"{width(line)} columns, at most {COLUMNS}"))
        if MARKERS.search(line) and not path.startswith(WORDS_ALLOWED):
            found.append((number, f"marker {MARKERS.search(line)[1]}"))
        if PATHS.search(line) and not path.startswith(PATHS_ALLOWED):
            found.append((number, f"path {PATHS.search(line)[0]}"))
    return found


def main():
    args = common.arguments(__doc__)
    files = common.choose(args.files, common.project_files(*TEXT))
    problems = [f"{path}:{line}: limits: {why}" for path in files
                for line, why in judge(path, common.read(path))]
    common.finish("limits", len(files), problems,
                  "split what is long; finish or drop what is marked; make "
                  "paths relative to the checkout")


if __name__ == "__main__":
    main()
