"""Each cmocka program of tests/unit is one test here.

`make unit-build` builds them with ASan and UBSan into build/unit/bin. A
failure shows the program's output and the command that repeats it.
"""
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARIES = sorted((ROOT / "build/unit/bin").glob("test_*")) + sorted(
    p for p in (ROOT / "build/guest/tests").glob("test_*") if not p.suffix)
LIMIT_S = 180


def test_every_source_is_built():
    sources = {p.stem for p in (ROOT / "tests/unit").glob("test_*.c")}
    missing = sources - {p.name for p in BINARIES}
    assert not missing, f"not built: {sorted(missing)}; run: make unit-build"


@pytest.mark.parametrize("binary", BINARIES, ids=lambda p: p.name)
def test_unit(binary):
    done = subprocess.run([binary], cwd=ROOT, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=LIMIT_S,
                          check=False)
    text = done.stdout.decode(errors="replace")
    assert done.returncode == 0, (
        f"{text[-4000:]}\nreplay: {binary.relative_to(ROOT)}")
    assert "[  PASSED  ]" in text, f"no test ran in {binary.name}:\n{text}"
