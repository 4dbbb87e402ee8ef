#!/usr/bin/env python3
"""format.py - every C file is as clang-format would write it."""
import common


def main():
    args = common.arguments(__doc__)
    files = common.choose(args.files, common.project_files(".c", ".h"))
    style = common.read(".clang-format")
    jobs = [(path, common.digest(path, common.version("clang-format"), style),
             ["clang-format", "--dry-run", "-Werror", path])
            for path in files]
    failures, cached = common.run_cached("format", jobs)
    problems = []
    for label, text in failures:
        first = text.split("\n")[0]
        problems.append(f"{label}: not formatted: {first}")
    common.finish("format", len(files), problems,
                  "clang-format -i FILE (fence aligned tables with "
                  "/* clang-format off */)", f"{cached} unchanged")


if __name__ == "__main__":
    main()
