"""host.py - what this host can run Bulkhead on, and what is missing."""
import fcntl
import functools
import os
import re
import shutil
import subprocess

KVM_GET_API_VERSION = 0xAE00
KVM_API_VERSION = 12

BOCHS_BIOS_DIR = "/usr/share/bochs"
OVMF_WHOLE = "/usr/share/ovmf/OVMF.fd"
OVMF_CODE = "/usr/share/OVMF/OVMF_CODE.fd"
OVMF_VARS = "/usr/share/OVMF/OVMF_VARS.fd"
VGABIOS = BOCHS_BIOS_DIR + "/VGABIOS-lgpl-latest"

# file or program -> Debian package
NEEDS = {
    "bochs": [("bochs", "bochs"), (VGABIOS, "vgabios"),
              ("/usr/lib/x86_64-linux-gnu/bochs/plugins/libbx_term_gui.so",
               "bochs-term"),
              (BOCHS_BIOS_DIR + "/BIOS-bochs-latest", "bochsbios"),
              (OVMF_WHOLE, "ovmf")],
    "qemu": [("qemu-system-x86_64", "qemu-system-x86"), (OVMF_CODE, "ovmf"),
             (OVMF_VARS, "ovmf")],
}
NEEDS["kvm"] = NEEDS["qemu"]

# Wall seconds until the shell's prompt; measured with 1 CPU, 512 MiB.
ESTIMATE = {"kvm": 15, "bochs": 90, "qemu": 30}
DEFAULT_MODEL = {"bochs": "corei7_skylake_x", "qemu": "max", "kvm": "host"}


class HostError(Exception):
    """Something is missing on this host; the text says what to do."""


def missing_packages(on):
    """Debian packages that backend @on lacks, each once."""
    out = []
    for thing, package in NEEDS[on]:
        there = (os.path.exists(thing) if thing.startswith("/")
                 else shutil.which(thing))
        if not there and package not in out:
            out.append(package)
    return out


def require(on):
    packages = missing_packages(on)
    if packages:
        raise HostError("%s cannot run here: packages are missing; "
                        "apt-get install %s" % (on, " ".join(packages)))


@functools.lru_cache(maxsize=None)
def bochs_models():
    """The processor models that this host's Bochs knows."""
    require("bochs")
    done = subprocess.run(["bochs", "--help", "cpu"], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=30)
    return re.findall(r"^([a-z][a-z0-9_]+)$", done.stdout.decode(), re.M)


def cpu_flags():
    try:
        with open("/proc/cpuinfo") as f:
            for line in f:
                if line.startswith("flags"):
                    return set(line.split(":", 1)[1].split())
    except OSError:
        pass
    return set()


def kvm_obstacle(flags=None, kvm="/dev/kvm",
                 nested="/sys/module/kvm_intel/parameters/nested"):
    """Why nested VT-x through KVM is not possible here; None: it is."""
    flags = cpu_flags() if flags is None else flags
    if "vmx" not in flags:
        return "this host's processor shows no VT-x (no vmx in /proc/cpuinfo)"
    try:
        fd = os.open(kvm, os.O_RDWR | os.O_CLOEXEC)
    except OSError as e:
        return "%s cannot be opened (%s)" % (kvm, e.strerror)
    try:
        if fcntl.ioctl(fd, KVM_GET_API_VERSION, 0) != KVM_API_VERSION:
            return "%s is not a KVM that we know" % kvm
    except OSError as e:
        return "%s does not answer (%s)" % (kvm, e.strerror)
    finally:
        os.close(fd)
    try:
        with open(nested) as f:
            if f.read().strip() not in ("Y", "1"):
                return ("nested VT-x is off; as root: modprobe -r kvm_intel; "
                        "modprobe kvm_intel nested=1")
    except OSError:
        return "kvm_intel is not loaded"
    return None


def pick():
    """(backend, model, reason, seconds) of the machine for `make run`."""
    obstacle = kvm_obstacle()
    if obstacle is None:
        on = "kvm"
        reason = "this host has VT-x, a usable /dev/kvm and nested VT-x on"
    else:
        on = "bochs"
        reason = "nested VT-x through KVM is not possible: " + obstacle
    return on, DEFAULT_MODEL[on], reason, ESTIMATE[on]
