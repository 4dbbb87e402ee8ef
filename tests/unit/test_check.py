"""test_check.py - the static checks find what they are for, and only that."""
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tools", "check"))

import common  # noqa: E402
import layers  # noqa: E402
import limits  # noqa: E402


def test_a_device_model_cannot_name_a_vcpu():
    why = layers.judge("drivers/virt/x.c", "<hv/vcpu.h>", "include/hv/vcpu.h")
    assert "virt may not include hv" in why


def test_layers_that_may():
    assert layers.judge("vmm/main.c", "<hv/vcpu.h>", "include/hv/vcpu.h") is None
    assert layers.judge("drivers/virt/x.c", "<stdint.h>", None) is None
    assert layers.judge("include/spec/p.h", "<bh/attr.h>",
                        "include/bh/attr.h") is None
    assert layers.judge("tests/unit/x.c", "<hv/vcpu.h>",
                        "include/hv/vcpu.h") is None
    assert layers.judge("guest/agent/a.c", "<stdio.h>", None) is None


def test_layers_that_may_not():
    cases = [
        ("vmm/lib/fmt.c", "<arch/cpu.h>", "include/arch/cpu.h"),
        ("drivers/phys/pit.c", "<hv/vm.h>", "include/hv/vm.h"),
        ("drivers/virt/x.c", "<arch/io.h>", "include/arch/io.h"),
        ("arch/x86_64/vmx/a.c", '"../svm/b.h"', "arch/x86_64/svm/b.h"),
        ("mm/pmm.c", "<stdio.h>", None),
        ("include/bh/a.h", "<hv/vm.h>", "include/hv/vm.h"),
        ("guest/agent/a.c", "<bh/log.h>", "include/bh/log.h"),
        ("boot/main.c", "<arch/cpu.h>", "include/arch/cpu.h"),
    ]
    for path, spelling, target in cases:
        assert layers.judge(path, spelling, target), (path, spelling)


def test_angle_brackets_are_the_systems_first(tmp_path, monkeypatch):
    (tmp_path / "vmm").mkdir()
    (tmp_path / "vmm" / "sched.h").write_text("")
    (tmp_path / "a.c").write_text('#include <sched.h>\n#include "sched.h"\n')
    monkeypatch.setattr(common, "ROOT", str(tmp_path))
    assert [t for _, _, t in common.includes_of("a.c")] == [
        None, "vmm/sched.h"]


def words_of(path, text):
    return [why for _, why in limits.judge(path, text)]


def test_long_function_is_found_with_its_name():
    body = "\tx++;\n" * 61
    text = "static int\nbig(int x)\n{\n" + body + "}\n"
    assert words_of("vmm/a.c", text) == ["big() has 61 lines, at most 60"]
    text = text.replace("\tx++;\n", "", 1)
    assert words_of("vmm/a.c", text) == []


def test_tables_are_no_functions():
    text = "static const int t[] = {\n" + "\t1,\n" * 100 + "};\n"
    assert words_of("vmm/a.c", text) == []


def test_long_file_and_line():
    assert words_of("vmm/a.c", "int x;\n" * 801) == [
        "801 lines in the file, at most 800"]
    assert words_of("vmm/a.c", "\t" + "x" * 72 + "\n") == []
    assert words_of("vmm/a.c", "\t" + "x" * 73 + "\n") == [
        "81 columns, at most 80"]


def test_fenced_table_may_be_wide():
    text = "/* clang-format off */\n" + "x" * 90 + "\n/* clang-format on */\n"
    assert words_of("vmm/a.c", text) == []


def test_markers_and_paths():
    marker = "TO" + "DO"
    assert words_of("vmm/a.c", f"/* {marker}: later */\n") == [
        f"marker {marker}"]
    assert words_of("docs/a.md", "see /ho" + "me/me/file\n") == [
        "path /ho" + "me/me"]
    assert words_of("docs/a.md", "a/home/relative/path is fine\n") == []


def test_flags_of_folders():
    assert "-ffreestanding" in common.flags_of("vmm/selftest.c")
    assert "-ffreestanding" not in common.flags_of("tests/unit/test_fmt.c")
    assert "-ffreestanding" in common.flags_of("tests/selftest/selftest_lib.c")
    assert "-fshort-wchar" in common.flags_of("boot/main.c")
    assert common.flags_of("docs/a.c") is None


def test_unknown_step_is_refused():
    out = subprocess.run([os.path.join(ROOT, "tools/check/check.sh"), "nope"],
                         capture_output=True, text=True)
    assert out.returncode == 2
    assert "no step 'nope'" in out.stderr


def test_help_of_every_tool():
    for tool in ("check/check.sh", "check/layers.py", "check/limits.py",
                 "check/format.py", "check/compile.py", "check/tidy.py",
                 "setup.sh"):
        out = subprocess.run([os.path.join(ROOT, "tools", tool), "--help"],
                             capture_output=True, text=True)
        assert out.returncode == 0 and len(out.stdout) > 100, tool


def test_setup_names_what_is_missing(tmp_path):
    script = os.path.join(ROOT, "tools", "setup.sh")
    (tmp_path / "setup.sh").write_text(open(script, encoding="utf-8").read())
    (tmp_path / "packages.txt").write_text(
        "# comment\n\nbuild dpkg is there\nbuild no-such-package to test\n"
        "tests other-missing not chosen\n")
    out = subprocess.run(["sh", str(tmp_path / "setup.sh"), "--check", "build"],
                         capture_output=True, text=True)
    assert out.returncode == 1
    assert "1 Debian packages are missing" in out.stdout
    assert "no-such-package" in out.stdout and "to test" in out.stdout
    assert "other-missing" not in out.stdout


def test_setup_refuses_unknown_purpose():
    out = subprocess.run([os.path.join(ROOT, "tools", "setup.sh"), "--frob"],
                         capture_output=True, text=True)
    assert out.returncode == 1 and "remedy:" in out.stderr


def test_psf2c_refuses_what_is_no_font(tmp_path):
    bad = tmp_path / "bad.psf"
    bad.write_bytes(b"not a font at all")
    tool = os.path.join(ROOT, "tools", "gen", "psf2c.py")
    out = subprocess.run([sys.executable, tool, str(bad),
                          str(tmp_path / "o.c")],
                         capture_output=True, text=True)
    assert out.returncode == 1 and "not a PSF font" in out.stderr
    small = tmp_path / "small.psf"
    small.write_bytes(bytes([0x36, 4, 0, 8]) + bytes(256 * 8))
    out = subprocess.run([sys.executable, tool, str(small),
                          str(tmp_path / "o.c")],
                         capture_output=True, text=True)
    assert out.returncode == 1 and "8x8" in out.stderr


def test_psf2c_without_unicode_table(tmp_path):
    font = tmp_path / "plain.psf"
    glyphs = b"".join(bytes([code]) * 16 for code in range(256))
    font.write_bytes(bytes([0x36, 4, 0, 16]) + glyphs)
    out_c = tmp_path / "o.c"
    tool = os.path.join(ROOT, "tools", "gen", "psf2c.py")
    subprocess.run([sys.executable, tool, str(font), str(out_c)], check=True)
    text = out_c.read_text()
    assert text.count("/* 0x") == 96
    assert "0x41, 0x41" in text
