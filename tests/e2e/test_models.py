"""Other machines, and features switched off: all reach the container.

bochs/cnl has no APICv; some rows take features away that the others use, so that
their fallbacks run; QEMU's have other disks, network cards and sizes.
"""
import bulkhead
import pytest

# machine, lines of boot.cfg, what `version` must say of a feature, and more
# that the machine has
ROWS = {
    "haswell": ("bochs/haswell", [], {}),
    "icelake_u": ("bochs/icelake_u", [], {"apicv": "used"}),
    "cnl": ("bochs/cnl", [], {"apicv": "absent", "direct-apic": "used"}),
    "without_apicv_vpid_1g": (
        bulkhead.SKYLAKE,
        ["apicv=off", "vpid=off", "tsc-scaling=off", "ept-ad=off",
         "ept-1g=off", "direct-apic=off"],
        {"apicv": "off", "direct-apic": "off", "vpid": "off",
         "tsc-scaling": "off", "ept-ad": "off", "ept-1g": "off"}),
    "apic_at_home": (bulkhead.SKYLAKE, ["direct-apic=off"],
                     {"direct-apic": "off", "apicv": "used"}),
    "lazy_4k": (bulkhead.SKYLAKE, ["populate=lazy", "ept-2m=off"],
                {"ept-2m": "off", "vpid": "used"}),
    "no_preemption_timer": (bulkhead.SKYLAKE, ["preemption-timer=off"],
                            {"preemption-timer": "off"}),
    "ryzen": (bulkhead.RYZEN, [], {"nrips": "used", "flush-by-asid": "used",
                                   "pause-filter": "used"}),
    "ryzen_without": (
        bulkhead.RYZEN,
        ["nrips=off", "flush-by-asid=off", "pause-filter=off", "ept-1g=off"],
        {"nrips": "off", "flush-by-asid": "off", "pause-filter": "off",
         "ept-1g": "off"}),
    "i440fx_e1000": (bulkhead.I440FX, [], {"nrips": "absent"},
                     {"nic": "e1000"}),
    "q35_nvme_e1000": (bulkhead.Q35, [], {}, {"disk": "nvme", "nic": "e1000",
                                              "memory": 1024}),
    "q35_virtio_2cpus": (bulkhead.Q35, [], {},
                         {"disk": "virtio-blk", "nic": "virtio-net-pci",
                          "cpus": 2}),
    "q35_lazy_4k": (bulkhead.Q35, ["populate=lazy", "ept-2m=off"],
                    {"ept-2m": "off"}),
}


@pytest.mark.parametrize("on,name", [
    pytest.param(row[0], name, id="%s-%s" % (row[0], name))
    for name, row in ROWS.items()], indirect=["on"])
def test_reaches_the_container(machines, on, name):
    _, options, features, *more = ROWS[name]
    spec = bulkhead.hello_spec()
    words = spec["vm"]["kernel"]["parameters"]
    words[words.index("quiet")] = "loglevel=7"
    img = bulkhead.image("m-" + name, ["log=info"] + options,
                         {"hello": spec}, bulkhead.linux_files())
    m = machines("m-" + name, img, on=on, time_limit=400,
                 **(more[0] if more else {}))
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
