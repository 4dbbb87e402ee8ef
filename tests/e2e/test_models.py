"""Other processors, and features switched off: all reach the container.

corei3_cnl has no APICv; the last rows take features away that the others
use, so that their fallbacks run.
"""
import bulkhead
import pytest

# model, lines of boot.cfg, what `version` must say of a feature
ROWS = {
    "haswell": ("corei7_haswell_4770", [], {}),
    "icelake_u": ("corei7_icelake_u", [], {"apicv": "used"}),
    "corei3_cnl": ("corei3_cnl", [], {"apicv": "absent",
                                           "direct-apic": "used"}),
    "without_apicv_vpid_1g": (
        "corei7_skylake_x",
        ["apicv=off", "vpid=off", "tsc-scaling=off", "ept-ad=off",
         "ept-1g=off", "direct-apic=off"],
        {"apicv": "off", "direct-apic": "off", "vpid": "off", "tsc-scaling": "off",
         "ept-ad": "off", "ept-1g": "off"}),
    "apic_at_home": ("corei7_skylake_x", ["direct-apic=off"],
                     {"direct-apic": "off", "apicv": "used"}),
    "lazy_4k": ("corei7_skylake_x", ["populate=lazy", "ept-2m=off"],
                {"ept-2m": "off", "vpid": "used"}),
    "no_preemption_timer": ("corei7_skylake_x", ["preemption-timer=off"],
                            {"preemption-timer": "off"}),
}


@pytest.mark.parametrize("name", ROWS)
def test_reaches_the_container(machines, name):
    model, options, features = ROWS[name]
    spec = bulkhead.hello_spec()
    words = spec["vm"]["kernel"]["parameters"]
    words[words.index("quiet")] = "loglevel=7"
    img = bulkhead.image("m-" + name, ["log=info"] + options,
                         {"hello": spec}, bulkhead.linux_files())
    m = machines("m-" + name, img, model=model, time_limit=400)
    m.prompt()
    m.expect("Hello from a container", bulkhead.BOOT_S)
    m.expect("kernel: +Linux", bulkhead.COMMAND_S)
    m.prompt(bulkhead.COMMAND_S)
    said = m.ask("version")["features"]
    for feature, state in features.items():
        assert said[feature] == state, said
    m.com1.send("console hello\r")
    m.expect("agent: connected through vsock")
    m.com1.send("\x1d")
    m.prompt(bulkhead.COMMAND_S)
    m.kill()
