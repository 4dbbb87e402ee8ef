# SPDX-License-Identifier: MIT
"""Figures from text, targets, verdicts, the gate and the drawing's data."""
import json
import pathlib

import pytest

import bench
import bochs
import counts
import esp
import measure
import plot
import selfcheck
import table

HERE = pathlib.Path(__file__).resolve().parent
TARGETS = {"rows": [
    {"id": "cpuid", "text": "CPUID exit", "unit": "root insn",
     "measure": "micro.cpuid", "limit": 120, "peers": {"KVM": 964},
     "amd": {"measure": "amd.micro.cpuid", "limit": 150}},
    {"id": "vmcall", "text": "VMCALL exit", "unit": "root insn",
     "measure": "micro.vmcall", "limit": 120, "peers": {},
     "amd": {"measure": "amd.micro.vmcall", "limit": None}},
    {"id": "share", "text": "share", "unit": "%",
     "measure": "linux.root-share", "limit": 0.5, "peers": {}}]}


def test_targets_file_is_whole():
    rows = table.load(HERE / "targets.json")["rows"]
    assert len({row["id"] for row in rows}) == len(rows) == 34
    for row in rows:
        assert set(row) - {"amd"} == {"id", "text", "unit", "measure",
                                      "limit", "peers"}
        assert row["limit"] is None or row["limit"] > 0
        assert all(v > 0 for v in row["peers"].values())
    amd = [row["amd"] for row in rows if "amd" in row]
    assert len({cell["measure"] for cell in amd}) == len(amd) >= 17
    for cell in amd:
        assert set(cell) == {"measure", "limit"}
        assert cell["limit"] is None or cell["limit"] > 0
        assert cell["measure"].startswith(bench.AMD)


def test_targets_of_amd_v():
    limits = {row["id"]: row["amd"]["limit"]
              for row in table.load(HERE / "targets.json")["rows"]
              if "amd" in row and row["amd"]["limit"] is not None}
    assert limits == {"cpuid": 150, "msr": 180, "pio": 200}


def test_every_line_of_the_guest_has_a_target():
    rows = table.load(HERE / "targets.json")["rows"]
    measures = {row["measure"] for row in rows}
    assert set(measure.LINES.values()) <= measures
    assert set(measure.SHARED_LINES.values()) <= measures
    assert set(measure.PLAIN_FIGURES.values()) <= measures
    measures = {row["amd"]["measure"] for row in rows if "amd" in row}
    for names in (measure.LINES, measure.PLAIN_FIGURES):
        assert {bench.AMD + name for name in names.values()} - measures <= \
            {"amd.line.timer-exits"}  # the counter knows better


@pytest.mark.parametrize("value, verdict", [
    (None, "not measured"), (119, "met"), (120, "met"), (120.5, "NOT MET")])
def test_verdict(value, verdict):
    rows = table.rows(TARGETS, {"micro.cpuid": value})
    assert rows[0]["verdict"] == verdict
    assert rows[0]["amd"]["verdict"] == "not measured"
    assert rows[2]["verdict"] == "not measured" and "amd" not in rows[2]


@pytest.mark.parametrize("value, verdict", [
    (None, "not measured"), (150, "met"), (151, "NOT MET")])
def test_verdict_of_amd_v(value, verdict):
    rows = table.rows(TARGETS, {"amd.micro.cpuid": value,
                                "amd.micro.vmcall": 5000})
    assert rows[0]["amd"]["verdict"] == verdict
    assert rows[0]["verdict"] == "not measured"
    assert rows[1]["amd"]["verdict"] == "no target"


@pytest.mark.parametrize("value, text", [
    (None, "-"), (1234567, "1,234,567"), (1.1, "1.1"), (0.25, "0.25"),
    (250.75, "251"), (3, "3"), (3.0, "3")])
def test_number(value, text):
    assert table.number(value) == text


def test_render_has_a_line_for_each_row():
    text = table.render(table.rows(TARGETS, {
        "micro.cpuid": 48, "amd.micro.cpuid": 147, "amd.micro.vmcall": 146}))
    lines = text.splitlines()
    assert len(lines) == 5
    assert lines[2].split() == ["CPUID", "exit", "root", "insn", "<=", "120",
                                "48", "met", "<=", "150", "147", "met", "KVM",
                                "964"]
    assert lines[3].split()[-4:] == ["-", "not", "measured", "146"]
    assert lines[4].split()[-2:] == ["not", "measured"]


def test_render_exits_of_none():
    assert "reason" in table.render_exits("nothing", [])


@pytest.mark.parametrize("cycles, is_shown", [(1300, True), (None, False)])
def test_render_exits_models_cycles_of_vt_x_alone(cycles, is_shown):
    row = {"name": "CPUID", "count": 1, "root": 140, "vmcs": 3, "msr": 0,
           "cycles": cycles}
    assert ("cycles" in table.render_exits("x", [row])) == is_shown


def test_gate_names_what_is_worse_and_what_is_missing():
    limits = {"limits": {"a": 10, "b": 10, "c": 10}}
    bad = table.gate(limits, {"a": 10, "b": 11})
    assert bad == ["b: 11 > 10", "c: not measured, the gate wants it <= 10"]


def test_new_gate_adds_slack_and_keeps_what_was_not_measured():
    limits = {"slack": {"micro": 2, "micro.blk-exits": 0.01, "amd.micro": 3,
                        "micro.no-limit": None},
              "limits": {"line.eoi": 3}}
    gate = table.new_gate(limits, {"micro.cpuid": 48, "micro.blk-exits": 1,
                                   "line.eoi": None, "size.x": 7,
                                   "amd.micro.cpuid": 147, "amd.line.eoi": 1,
                                   "micro.no-limit": 5})
    assert gate["limits"] == {"line.eoi": 3, "micro.cpuid": 50,
                              "micro.blk-exits": 1.01, "amd.micro.cpuid": 150}
    assert gate["slack"] == limits["slack"]


def test_gate_file_loads():
    gate = table.load(HERE / "gate.json")
    assert set(gate) == {"slack", "limits"}


def test_bench_lines():
    text = "[1.2] guest: bench eoi 3\r\nbench self-ipi 23\nbench timer x\n" \
           "workbench foo 1\nbench cpuid 48 ticks\n"
    assert measure.bench_lines(text) == {"eoi": 3, "self-ipi": 23,
                                         "cpuid": 48}


@pytest.mark.parametrize("stats, kib", [
    ({"memory.overhead": 401408}, 392), ({"memory.overhead": 1}, 1),
    ({}, None), (None, None), ({"memory.overhead": "x"}, None)])
def test_partition_overhead(stats, kib):
    assert measure.partition_overhead(stats) == kib


@pytest.mark.parametrize("text, result", [
    (b'{"id":1,"result":{"a":1}}\n', {"a": 1}),
    (b'junk\n{"method":"x"}\n{"id":1,"result":{}}\n', {}),
    (b'{"id":1,"result":{"a"', None), (b'{"id":2,"result":1}\n', None),
    (b'{"id":1,"error":{}}\n', None), (b"", None)])
def test_reply(text, result):
    assert bochs.reply(text) == result


def micro_report(vendor="vmx", reasons=(10, 52, 30)):
    """Sections 1 (110 CPUID exits, one of a timer) and 2 (110 notifies)."""
    def mark(value, cpuid, timer, port):
        sums = [[cpuid, 50 * cpuid, 4 * cpuid, 0], [timer, 900 * timer, 0, 0],
                [port, 200 * port, 0, 0]]
        return {"name": "mark", "value": value, "ticks": 0, "exits": 0,
                "insn": {"root_kernel": 0, "root_user": 0, "guest_kernel": 0,
                         "guest_user": 0}, "interrupts": [0, 0], "sums": sums}
    return {"kinds": [{"vendor": vendor, "reason": r, "detail": d}
                      for r, d in zip(reasons, (0, 0, 0xc000))],
            "events": [mark(1, 0, 0, 0), mark(0x8001, 110, 1, 0),
                       mark(2, 110, 1, 0), mark(0x8002, 110, 1, 110)]}


def test_micro_takes_plain_exits_by_reason_and_the_rest_by_section():
    serial = "bench cpuid 53\nbench timer 9\nbench virtio-notify 205\nbench eoi 3\n"
    assert measure.micro(micro_report(), serial) == {
        "micro.cpuid": 50, "line.eoi": 3, "micro.notify": 200}


def test_micro_knows_the_reasons_of_amd_v():
    report = micro_report("svm", (0x72, 0x60, 0x7b))
    assert measure.micro(report, "") == {"micro.cpuid": 50}
    report = micro_report("svm", (10, 52, 30))  # VT-x' numbers
    assert measure.micro(report, "") == {}


def test_micro_of_a_guest_that_is_not_heard_goes_by_order():
    assert measure.micro(micro_report(), "") == {"micro.cpuid": 50}
    assert list(measure.named_sections(micro_report(), "")) == [
        "cpuid", "vmcall"]


def test_micro_of_a_guest_without_marks():
    assert measure.micro({"kinds": [], "events": []}, "bench eoi 3\n") == {
        "line.eoi": 3}


def test_render_sections():
    serial = "bench cpuid 53\nbench virtio-notify 205\n"
    text = table.render_sections(
        measure.named_sections(micro_report(), serial), measure.RUNS)
    assert len(text.splitlines()) == 3 and "virtio-notify" in text


def test_code_lines():
    text = "/* a\n b */\nint x; /* c */\n\n// d\nint y; // e\n/* f */ int z;\n"
    assert measure.code_lines(text) == 3


def test_lines_of_one_folder(tmp_path):
    for name, lines in (("arch/x.c", 3), ("arch/x86_64/svm/y.c", 2),
                        ("arch/x86_64/svm/y.h", 1), ("tests/z.c", 9)):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("int a;\n" * lines)
    assert measure.sizes(tmp_path, tmp_path / "no.elf") == {
        "size.vmm": None, "size.lines": 6, "size.c-lines": 5,
        "size.svm-lines": 3}


def test_elf_sizes_refuses_what_is_none():
    with pytest.raises(ValueError):
        measure.elf_sizes(b"MZ" + bytes(100))


def test_elf_sizes_counts_memory_of_loaded_segments():
    header = bytearray(64)
    header[:5] = b"\x7fELF\x02"
    header[32:40] = (64).to_bytes(8, "little")
    header[54:56] = (56).to_bytes(2, "little")
    header[56:58] = (2).to_bytes(2, "little")
    load = bytearray(56)
    load[:4] = (1).to_bytes(4, "little")
    load[40:48] = (4097).to_bytes(8, "little")
    note = bytearray(56)
    note[:4] = (4).to_bytes(4, "little")
    note[40:48] = (1 << 20).to_bytes(8, "little")
    assert measure.elf_sizes(bytes(header + load + note)) == 5


def test_plot_data_marks_what_is_missing():
    rows = table.rows(TARGETS, {"micro.cpuid": 48.4, "amd.micro.cpuid": 147})
    assert plot.data(rows) == "cpuid 48 147 964 ?\nvmcall ? ? ? ?\n"


def test_plot_of_nothing_says_so(tmp_path):
    assert "measured" in plot.draw(table.rows(TARGETS, {}), tmp_path)
    assert not list(tmp_path.iterdir())


def test_partition_is_an_oci_config():
    spec = json.loads(esp.partition("guest/vmlinuz", "64M", "guest/i",
                                    ["quiet"]))
    assert spec["vm"]["kernel"] == {"path": "guest/vmlinuz",
                                    "initrd": "guest/i",
                                    "parameters": ["quiet"]}
    assert "process" not in spec
    assert spec["annotations"]["io.bulkhead.memory.max"] == "64M"


def test_esp_names_what_is_missing(tmp_path):
    with pytest.raises(bochs.RunError, match="no.efi is missing"):
        esp.make(tmp_path, "x", tmp_path / "no.efi", {})
    (tmp_path / "a.efi").write_text("x")
    with pytest.raises(bochs.RunError, match="vmlinuz is missing"):
        esp.make(tmp_path, "x", tmp_path / "a.efi",
                 {"vmlinuz": tmp_path / "vmlinuz"})


def test_boot_cfg():
    text = esp.boot_cfg(["console-echo=on"])
    assert text.endswith("poweroff-at-end=on\nconsole-echo=on\n")


def test_wanted_version_is_in_one_place(tmp_path):
    assert bochs.wanted_version().startswith("2.7")
    empty = tmp_path / "x.h"
    empty.write_text("")
    with pytest.raises(bochs.RunError):
        bochs.wanted_version(empty)


def test_configuration(tmp_path):
    text = bochs.configuration("m", tmp_path, "ryzen", megs=64,
                               extra=["boot: floppy"]).read_text()
    assert "megs: 64" in text and "model=ryzen" in text and "BIOS-bochs-latest" in text
    assert text.endswith("boot: floppy\n")


def test_arguments():
    assert bench.arguments(["--runs", "none"]).runs == []
    assert bench.arguments([]).runs == list(bench.RUNS)
    with pytest.raises(SystemExit):
        bench.arguments(["--runs", "linux,nonsense"])


def test_command_lines():
    args = bench.arguments(["--append", "a b"])
    words = bench.command_line("linux", args)
    assert words == bench.COMMAND_LINE + ("a", "b")
    assert bench.command_line("native", args) == words
    for name in ("amd.native", "amd.linux"):
        assert bench.command_line(name, args) == \
            bench.COMMAND_LINE + bench.AMD_WORDS + ("a", "b")


def test_a_failed_run_is_named(monkeypatch):
    def fail(name, _args):
        raise bochs.RunError(f"no {name}")
    monkeypatch.setitem(bench.RUNS, "micro", fail)
    monkeypatch.setitem(bench.RUNS, "native", lambda _name, _args: None)
    args = bench.arguments(["--runs", "native,micro", "--jobs", "1"])
    assert bench.do_runs(args) == ["micro"]


def report_of_micro(vendor, reason):
    """What saved() reads: a first entry and section 1 of 10 exits."""
    def event(name, value, exits):
        return {"name": name, "value": value, "ticks": 0, "exits": exits,
                "insn": {"root_kernel": 0, "root_user": 0, "guest_kernel": 0,
                         "guest_user": 0}, "interrupts": [0, 0],
                "sums": [[exits, 70 * exits, 0, 0]]}
    return json.dumps({
        "kinds": [{"vendor": vendor, "reason": reason, "detail": 0}],
        "events": [event("first-entry", 0, 0), event("mark", 1, 0),
                   event("mark", 0x8001, 10), event("now", 0, 10)]})


def test_figures_of_both_vendors(tmp_path, monkeypatch):
    monkeypatch.setattr(bench, "OUT", tmp_path)
    (tmp_path / "amd.micro.count.json").write_text(
        report_of_micro("svm", 0x72))
    spans = {}
    values = bench.figures(spans)
    assert values["amd.micro.cpuid"] == 70 and "micro.cpuid" not in values
    assert list(spans) == ["amd.micro"]
    (tmp_path / "micro.count.json").write_text(report_of_micro("vmx", 10))
    assert bench.figures(spans)["micro.cpuid"] == 70


def test_selfcheck_notices_a_wrong_count():
    report = {"kinds": [{"vendor": "vmx", "reason": 10, "detail": 0x12345}],
              "events": [{"name": "now", "value": 0, "ticks": 0,
                          "entries": 186, "sums": [[100, 1499, 400, 0]]}]}
    bad = selfcheck.verify("vmx", report)
    assert any("1499" in line and "1500" in line for line in bad)
    assert any("186 entries, must be 185" in line for line in bad)
    assert any("no event 'mark 2'" in line for line in bad)
    assert any("watched addresses" in line for line in bad)


def test_marks_are_the_same_everywhere():
    header = bochs.VERSION_HEADER.read_text()
    assert f"MARK_PORT_DEFAULT {counts.MARK_PORT:#x}" in header
