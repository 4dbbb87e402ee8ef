# SPDX-License-Identifier: MIT
"""Arithmetic on the counter's reports."""
import pytest

import counts


def event(name, value=0, ticks=0, root=0, guest=0, exits=0, sums=()):
    return {"name": name, "value": value, "ticks": ticks, "cpu": 0,
            "insn": {"root_kernel": root, "root_user": 0,
                     "guest_kernel": guest, "guest_user": 0},
            "exits": exits, "interrupts": [0, 0], "exceptions": [0, 0],
            "sums": [list(s) for s in sums]}


def kind(reason, detail=0, vendor="vmx"):
    return {"vendor": vendor, "reason": reason, "detail": detail,
            "root_min": 0, "root_max": 0}


@pytest.fixture(name="report")
def fixture_report():
    """Two kinds of CPUID, one port, one mark; the port appears late."""
    return {
        "kinds": [kind(10, 1), kind(10, 4), kind(30, 0xbe),
                  kind(30, 0x64 | counts.IO_IN)],
        "events": [
            event("vmxon", ticks=100, root=100),
            event("first-entry", ticks=400, root=400),
            event("mark", 1, ticks=500, root=440, guest=60, exits=1,
                  sums=[(1, 40, 4, 0)]),
            event("guest-user", 1, ticks=2000, root=600, guest=1400, exits=6,
                  sums=[(2, 80, 8, 0), (2, 60, 6, 2), (1, 10, 1, 0),
                        (1, 50, 3, 0)]),
            event("now", ticks=3000, root=700, guest=2300, exits=6,
                  sums=[(2, 80, 8, 0), (2, 60, 6, 2), (1, 10, 1, 0),
                        (1, 50, 3, 0)]),
        ]}


def test_find_by_value_and_time(report):
    assert counts.find(report, "mark", 1)["ticks"] == 500
    assert counts.find(report, "now", after=2500)["ticks"] == 3000
    with pytest.raises(counts.CountsError, match="mark 2"):
        counts.find(report, "mark", 2)
    with pytest.raises(counts.CountsError):
        counts.find(report, "mark", 1, after=501)
    assert not counts.has(report, "root-user")


def test_between_subtracts_and_knows_late_kinds(report):
    span = counts.between(report, report["events"][2], report["events"][3])
    assert (span["ticks"], span["root"], span["guest"]) == (1500, 160, 1340)
    assert span["exits"] == 5
    by_detail = {k["detail"]: k for k in span["kinds"]}
    assert by_detail[1]["count"] == 1 and by_detail[1]["root"] == 40
    assert by_detail[4]["count"] == 2 and by_detail[4]["msr"] == 2


def test_between_leaves_out_what_did_not_happen(report):
    span = counts.between(report, report["events"][3], report["events"][4])
    assert span["kinds"] == []


def test_by_reason_sums_details_and_skips_marks(report):
    span = counts.between(report, report["events"][1], report["events"][3])
    rows = counts.by_reason(span)
    assert [(r["name"], r["count"], r["root"]) for r in rows] == [
        ("CPUID", 4, 140), ("I/O instruction", 1, 50)]


def test_per_exit(report):
    span = counts.between(report, report["events"][1], report["events"][3])
    assert counts.per_exit(span, 10) == 35
    assert counts.per_exit(span, 10, {1}) == 40
    assert counts.per_exit(span, 48) is None


def test_sections_sum_and_leave_the_marks_out():
    def mark(value, ticks, cpuids, marks):
        return event("mark", value, ticks=ticks, root=10 * cpuids + 30 * marks,
                     exits=cpuids + marks,
                     sums=[(marks, 30 * marks, marks, 0),
                           (cpuids, 10 * cpuids, 4 * cpuids, 0)])
    report = {"kinds": [kind(30, 0xbe), kind(10, 1)],
              "events": [mark(7 | counts.MARK_END, 0, 0, 0),
                         mark(1, 100, 0, 1),
                         mark(1 | counts.MARK_END, 200, 5, 2),
                         mark(1, 300, 5, 3),
                         mark(1 | counts.MARK_END, 350, 6, 4),
                         mark(2, 400, 6, 5)]}
    section, = counts.sections(report)
    reasons = section.pop("reasons")
    assert section == {"id": 1, "times": 2, "ticks": 150, "exits": 6,
                       "root": 60, "vmcs": 24, "msr": 0}
    assert [(r["reason"], r["count"]) for r in reasons] == [(10, 5), (10, 1)]


def test_cycles_model():
    assert counts.cycles({"count": 2, "root": 10, "vmcs": 3, "msr": 1}) == \
        2400 + 6 + 75 + 100


def test_linux_boot_counts_the_building_of_the_vm(report):
    boot = counts.linux_boot(report)
    assert boot["boot"]["exits"] == 6
    assert boot["boot"]["ticks"] == 1600
    assert boot["whole"]["root"] == 500 and boot["whole"]["guest"] == 1400
    assert boot["root_share"] == pytest.approx(100 * 500 / 1900)


def test_linux_boot_without_init_is_an_error(report):
    report["events"] = report["events"][:3]
    with pytest.raises(counts.CountsError, match="guest-user"):
        counts.linux_boot(report)


def test_native_boot(report):
    report["events"].append(event("root-user", 1, ticks=9000, root=6700))
    assert counts.native_boot(report)["ticks"] == 8500


def test_linux_boot_by_amd_v_begins_when_svm_is_on(report):
    report["events"][0]["name"] = "svme"
    assert counts.linux_boot(report)["whole"]["root"] == 500


@pytest.mark.parametrize("detail, text", [
    (0x3f8, "OUT 0x3f8"), (0x3f8 | counts.IO_IN, "IN 0x3f8"),
    (0xbe, "OUT 0xbe")])
@pytest.mark.parametrize("vendor, reason", [("vmx", 30), ("svm", 0x7b)])
def test_detail_of_a_port(vendor, reason, detail, text):
    assert counts.detail_name(vendor, reason, detail) == text


def test_names():
    assert counts.reason_name("vmx", 48) == "EPT violation"
    assert counts.reason_name("vmx", 0x80000021) == \
        "entry failure, guest state"
    assert counts.reason_name("vmx", 70) == "reason 70"
    assert counts.detail_name("vmx", 31, 0x1b) == "0x1b"
    assert counts.detail_name("vmx", 12, 0) == ""


def test_names_of_svm():
    assert counts.reason_name("svm", 0x72) == "CPUID"
    assert counts.reason_name("svm", 0x400) == "nested page fault"
    assert counts.reason_name("svm", 0xffffffff) == "VMRUN failed"
    assert counts.reason_name("svm", 0x14) == "CR4 write"
    assert counts.reason_name("svm", 0x00) == "CR0 read"
    assert counts.reason_name("svm", 0x30) == "exit code 0x30"
    assert counts.detail_name("svm", 0x7c, 0x1b) == "0x1b"
    assert counts.detail_name("svm", 0x7c, counts.MSR_WRITE | 0x80b) == \
        "write 0x80b"
    assert counts.detail_name("svm", 30, 0x3f8) == "0x3f8"


def test_marks_are_left_out_of_both_vendors():
    def rows(vendor, reason):
        return counts.by_reason({"kinds": [
            {"vendor": vendor, "reason": reason, "detail": counts.MARK_PORT,
             "count": 1, "root": 5, "vmcs": 0, "msr": 0}]})
    assert rows("vmx", 30) == [] and rows("svm", 0x7b) == []
    assert len(rows("svm", 30)) == len(rows("vmx", 0x7b)) == 1


def test_timer_exits():
    assert counts.is_timer(kind(52)) and counts.is_timer(kind(1))
    assert counts.is_timer(kind(32, 0x6e0))
    assert not counts.is_timer(kind(32, 0x80b))
    assert not counts.is_timer(kind(31, 0x6e0))


def test_timer_exits_of_svm():
    write = counts.MSR_WRITE
    assert counts.is_timer(kind(0x60, vendor="svm"))
    assert counts.is_timer(kind(0x7c, write | 0x6e0, "svm"))
    assert not counts.is_timer(kind(0x7c, 0x6e0, "svm"))
    assert not counts.is_timer(kind(0x7c, write | 0x80b, "svm"))
    assert not counts.is_timer(kind(1, vendor="svm"))  # read of CR1
