"""The tests inside the VMM (tests/selftest), on the emulated hardware."""
import re

import bulkhead
import pytest


@pytest.mark.machines(bulkhead.SKYLAKE, bulkhead.RYZEN, bulkhead.Q35,
                      bulkhead.I440FX)
def test_selftests_pass(machines, on):
    name = "selftest-" + bulkhead.tag(on)
    img = bulkhead.image(name, ["log=info", "selftest=on"],
                         files=bulkhead.guest_files("halt_forever"))
    m = machines(name, img, on=on, time_limit=240)
    m.expect(r"selftest: \d+ passed, \d+ failed", bulkhead.BOOT_S)
    text = m.log_text()
    passed, failed = map(int, re.search(
        r"selftest: (\d+) passed, (\d+) failed", text).groups())
    assert failed == 0 and passed > 0, text
    result = m.machine.wait(bulkhead.COMMAND_S)
    assert result and result.outcome == "shutdown", result
