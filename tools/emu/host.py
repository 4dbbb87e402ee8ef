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
QEMU = "qemu-system-x86_64"

# file or program -> Debian package
NEEDS = {
    "bochs": [("bochs", "bochs"), (VGABIOS, "vgabios"),
              ("/usr/lib/x86_64-linux-gnu/bochs/plugins/libbx_term_gui.so",
               "bochs-term"),
              (BOCHS_BIOS_DIR + "/BIOS-bochs-latest", "bochsbios"),
              (OVMF_WHOLE, "ovmf")],
    "qemu": [(QEMU, "qemu-system-x86"), (OVMF_CODE, "ovmf"),
             (OVMF_VARS, "ovmf")],
}
NEEDS["kvm"] = NEEDS["qemu"]
# flag of /proc/cpuinfo -> the KVM module that uses it
KVM_MODULES = {"vmx": "kvm_intel", "svm": "kvm_amd"}


class HostError(Exception):
    """Something is missing on this host; the text says what to do."""


def missing_packages(backend):
    """Debian packages that @backend lacks, each once."""
    out = []
    for thing, package in NEEDS[backend]:
        there = (os.path.exists(thing) if thing.startswith("/")
                 else shutil.which(thing))
        if not there and package not in out:
            out.append(package)
    return out


def require(backend):
    packages = missing_packages(backend)
    if packages:
        raise HostError("%s cannot run here: packages are missing; "
                        "apt-get install %s" % (backend, " ".join(packages)))


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


def virtualization(flags=None):
    """"vmx", "svm" or None: what this host's processor has."""
    flags = cpu_flags() if flags is None else flags
    return next((f for f in KVM_MODULES if f in flags), None)


def _device_obstacle(kvm, module):
    try:
        fd = os.open(kvm, os.O_RDWR | os.O_CLOEXEC)
    except PermissionError:
        return ("%s may not be opened by you; as root: adduser USER kvm, then "
                "log in again" % kvm)
    except OSError as e:
        return "%s cannot be opened (%s); as root: modprobe %s" % (
            kvm, e.strerror, module)
    try:
        version = fcntl.ioctl(fd, KVM_GET_API_VERSION, 0)
    except OSError as e:
        return "%s does not answer (%s); as root: modprobe %s" % (
            kvm, e.strerror, module)
    finally:
        os.close(fd)
    if version != KVM_API_VERSION:
        return "%s speaks version %d, not %d; use a newer kernel" % (
            kvm, version, KVM_API_VERSION)
    return None


def kvm_obstacle(flags=None, kvm="/dev/kvm", modules="/sys/module"):
    """Why nested virtualization is not possible here; what to do; or None."""
    extension = virtualization(flags)
    if extension is None:
        return ("this host's processor shows neither VT-x nor AMD-V (no vmx or "
                "svm in /proc/cpuinfo); switch virtualization on in its "
                "firmware's setup, or, if it is itself a virtual machine, "
                "nested virtualization in the machine below")
    module = KVM_MODULES[extension]
    obstacle = _device_obstacle(kvm, module)
    if obstacle:
        return obstacle
    try:
        with open("%s/%s/parameters/nested" % (modules, module)) as f:
            if f.read().strip() in ("Y", "1"):
                return None
    except OSError:
        return "%s is not loaded; as root: modprobe %s nested=1" % (module,
                                                                    module)
    return ("nested virtualization is off; as root: modprobe -r %s && modprobe "
            "%s nested=1; for ever: echo options %s nested=1 > "
            "/etc/modprobe.d/kvm-nested.conf" % (module, module, module))
