"""A short run of each libFuzzer program: BULKHEAD_FUZZ_SECONDS (default 5).

`make fuzz-build` builds them into build/fuzz/bin. A fuzzer starts from the
files in tests/fuzz/corpus/NAME, if there are any, and always with the same
random numbers. What it finds is kept in build/fuzz/crashes; the failure names
the command that repeats it.
"""
import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "tests/fuzz").glob("fuzz_*.c"))
SECONDS = int(os.environ.get("BULKHEAD_FUZZ_SECONDS", "5"))
CRASHES = ROOT / "build/fuzz/crashes"


def seeds(source, folder):
    """Where to keep new inputs, and where to start; none: from nothing."""
    corpus = source.parent / "corpus" / source.stem
    if not corpus.is_dir():
        return []
    longest = max(f.stat().st_size for f in corpus.iterdir())
    return ["-len_control=0", f"-max_len={max(4096, longest)}",
            str(folder), str(corpus)]


@pytest.mark.parametrize("source", SOURCES, ids=lambda p: p.stem)
def test_fuzz(source, tmp_path):
    binary = ROOT / "build/fuzz/bin" / source.stem
    assert binary.exists(), f"{binary} is not built; run: make fuzz-build"
    CRASHES.mkdir(parents=True, exist_ok=True)
    prefix = f"{CRASHES}/{source.stem}-"
    done = subprocess.run(
        [binary, f"-max_total_time={SECONDS}", "-timeout=10", "-seed=1",
         f"-artifact_prefix={prefix}", "-print_final_stats=1",
         *seeds(source, tmp_path)],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        timeout=SECONDS + 120, check=False)
    text = done.stdout.decode(errors="replace")
    assert done.returncode == 0, (
        f"{text[-4000:]}\nreplay: build/fuzz/bin/{source.stem} {prefix}*")
    runs = [line.split()[-1] for line in text.splitlines()
            if "number_of_executed_units" in line]
    assert runs and int(runs[0]) > 100, f"hardly any input was tried:\n{text}"
