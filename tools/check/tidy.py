#!/usr/bin/env python3
"""tidy.py - clang-tidy with .clang-tidy over every C file.

The slow one: what passed is remembered in build/check by the hash of the file,
its headers and the settings."""
import re

import common

# Warnings are clang-tidy's business here, not the compiler's.
DROP = {"-Werror", "-Wconversion"}


def shown(text):
    """The findings only, without clang-tidy's counters."""
    text = text.replace(common.ROOT + "/", "")
    return "\n".join(line for line in text.split("\n")
                     if re.search(r":\d+:\d+: ", line)
                     and " note: " not in line) or text


def main():
    args = common.arguments(__doc__)
    files = common.choose(args.files, common.project_files(".c"))
    settings = common.read(".clang-tidy") + common.read("tests/.clang-tidy")
    jobs = []
    for path in files:
        flags = common.flags_of(path)
        if flags is None:
            continue
        flags = [f for f in flags if f not in DROP]
        command = ["clang-tidy", "--quiet", path, "--"] + flags
        key = common.digest(path, common.version("clang-tidy"), settings,
                            command)
        jobs.append((path, key, command))
    failures, cached = common.run_cached("tidy", jobs)
    problems = [shown(text) for _, text in failures]
    common.finish("tidy", len(jobs), problems,
                  "change the code; where the finding is wrong, NOLINT(name) "
                  "with a reason beside it", f"{cached} unchanged")


if __name__ == "__main__":
    main()
