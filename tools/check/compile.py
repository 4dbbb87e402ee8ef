#!/usr/bin/env python3
"""compile.py - gcc and clang take every C file, and every header alone.

Each with the warning flags and the environment of its folder (common.py). What
passed is remembered in build/check by the hash of the file and its headers."""
import common

COMPILERS = ["gcc", "clang"]


def jobs_for(path):
    flags = common.flags_of(path)
    if flags is None:
        return []
    is_header = path.endswith(".h")
    if is_header:
        # a header's unused static functions are no defect of it
        flags = flags + ["-xc", "-include", path, "-Wno-unused-function",
                         "/dev/null"]
    else:
        flags = flags + [path]
    rows = []
    for compiler in COMPILERS:
        command = [compiler, "-fsyntax-only"] + flags
        if compiler == "clang":
            command.insert(1, "-Wno-unknown-warning-option")
        key = common.digest(path, common.version(compiler), command)
        rows.append((f"{path} ({compiler})", key, command))
    return rows


def main():
    args = common.arguments(__doc__)
    files = common.choose(args.files, common.project_files(".c", ".h"))
    jobs = [job for path in files for job in jobs_for(path)]
    failures, cached = common.run_cached("compile", jobs)
    problems = [f"{label}: does not compile\n"
                f"{common.first_lines(text)}"
                for label, text in failures]
    common.finish("compile", len(jobs), problems,
                  "fix the first message of each file; a header must include "
                  "all it needs; flags per folder: tools/check/common.py",
                  f"{cached} unchanged")


if __name__ == "__main__":
    main()
