"""The table of the processor's flaws, and guests with all that can be done.

mitigations=full takes the second copy of the way into a guest (VERW, the return
stack) on machines that need none of it, so that it runs at all here.
"""
import bulkhead
import pytest

pytestmark = pytest.mark.machines(bulkhead.Q35, bulkhead.SKYLAKE)

MODES = ("full", "off")


@pytest.mark.parametrize("mode", MODES)
def test_guests_run(machines, on, mode):
    """Exits of all kinds, and two partitions that take turns."""
    names = ("exits", "user", "halt_forever")
    name = "mit-%s-%s" % (mode, bulkhead.tag(on))
    img = bulkhead.image(name, ["log=info", "mitigations=" + mode],
                         {n: bulkhead.bare_spec(n) for n in names},
                         bulkhead.guest_files(*names))
    m = machines(name, img, on=on, time_limit=300)
    m.expect("partition exits: (?!started)[a-z-]+: ", bulkhead.BOOT_S)
    rpc = m.rpc()
    console = rpc.console("exits")
    table = rpc.call("machine.mitigations")
    rpc.close()
    assert ", 0 failed" in console, [
        line for line in console.splitlines() if "FAIL" in line]
    states = {row["name"]: row["state"] for row in table["flaws"]}
    assert table["mode"] == mode
    assert states["rsb"] == {"full": "on", "off": "vulnerable"}[mode]
    assert states["meltdown"] in ("by design", "not affected")
    if on == bulkhead.SKYLAKE:
        assert states["itlb-multihit"] == {"full": "on", "off": "off"}[mode]
    assert m.poweroff().outcome == "shutdown"


def test_auto_by_default(machines, on):
    name = "mit-auto-" + bulkhead.tag(on)
    img = bulkhead.image(name, ["log=info"])
    m = machines(name, img, on=on, time_limit=300)
    m.prompt()
    assert "mitigations: auto; " in m.log_text()
    out = m.command("mitigations")
    assert "FLAW " in out and "itlb-multihit" in out
    shown = m.bhk("mitigations")
    assert shown.returncode == 0
    assert [line.split()[0] for line in shown.stdout.splitlines()] == \
        [line.split()[0] for line in out.splitlines() if line.strip()]
    assert m.poweroff().outcome == "shutdown"
