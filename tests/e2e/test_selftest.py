"""The tests inside the VMM (tests/selftest), on the emulated hardware."""
import re

import bulkhead


def test_selftests_pass(machines):
    img = bulkhead.image("selftest", ["log=info", "selftest=on"])
    m = machines("selftest", img, time_limit=240)
    m.expect(r"selftest: \d+ passed, \d+ failed", bulkhead.BOOT_S)
    text = m.log_text()
    passed, failed = map(int, re.search(
        r"selftest: (\d+) passed, (\d+) failed", text).groups())
    assert failed == 0 and passed > 0, text
    result = m.machine.wait(bulkhead.COMMAND_S)
    assert result and result.outcome == "shutdown", result
