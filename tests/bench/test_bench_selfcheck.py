# SPDX-License-Identifier: MIT
"""The counter against VMMs whose counts are known; runs Bochs for 2 s."""
import subprocess

import pytest

import bochs
import selfcheck


@pytest.fixture(scope="module", name="built")
def fixture_built():
    subprocess.run(
        ["make", "-s", "-f", "tools/bochs-count/bochs-count.mk", "-f",
         "tests/bench/bench.mk", "bochs-count",
         "build/bench/selfcheck-vmx.img", "build/bench/selfcheck-svm.img"],
        cwd=bochs.ROOT, check=True)


@pytest.mark.usefixtures("built")
@pytest.mark.parametrize("vendor", selfcheck.VMMS)
def test_counter_is_exact(tmp_path, vendor):
    bochs.check_version()
    selfcheck.run(tmp_path, vendor)


@pytest.mark.usefixtures("built")
def test_counter_does_nothing_in_other_programs(tmp_path):
    report = tmp_path / "no.json"
    done = subprocess.run(
        ["/bin/echo", "hello"], capture_output=True, text=True, check=True,
        env={"LD_PRELOAD": str(bochs.COUNTER), "BHCOUNT_OUT": str(report)})
    assert done.stdout == "hello\n" and done.stderr == ""
    assert not report.exists()


@pytest.mark.usefixtures("built")
def test_counter_refuses_another_bochs(tmp_path):
    """A program that exports Bochs' name but is another build."""
    source = tmp_path / "other.c"
    source.write_text("void _Z17bx_instr_init_envv(void) {}\n"
                      "int main(void) { return 0; }\n")
    subprocess.run(["gcc", "-rdynamic", "-o", tmp_path / "other", source],
                   check=True)
    done = subprocess.run([tmp_path / "other"], capture_output=True,
                          text=True, check=False,
                          env={"LD_PRELOAD": str(bochs.COUNTER)})
    assert done.returncode == 2
    assert "another build of Bochs" in done.stderr
    assert "2.7+dfsg-4+deb12u1" in done.stderr
