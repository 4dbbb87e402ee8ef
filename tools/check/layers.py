#!/usr/bin/env python3
"""layers.py - who may include whom.

Each folder has the list of folders it may include from (RULES below, the table
of docs/design.md). A file may always include from its own folder, and headers
of the compiler (stdint.h, stdbool.h, stddef.h, stdarg.h). Hosted folders may
also include the system's headers."""
import common

COMPILER = {"stdint.h", "stdbool.h", "stddef.h", "stdarg.h", "stdatomic.h",
            "limits.h"}

# layer: (path prefix, layers it may include, system headers it may include)
# The longest prefix decides. "*" = anything.
RULES = {
    "spec": ("include/spec/", [], []),
    "proto": ("include/proto/", [], []),
    "bh": ("include/bh/", ["spec"], []),
    "arch": ("include/arch/", ["bh"], []),
    "hv": ("include/hv/", ["arch", "bh"], []),
    "vmm/lib": ("vmm/lib/", ["bh"], []),
    "mm": ("mm/", ["arch", "bh"], []),
    "phys": ("drivers/phys/", ["arch", "bh", "spec"], []),
    "virt": ("drivers/virt/", ["bh", "spec", "proto"], []),
    "x86": ("arch/x86_64/", ["hv", "arch", "bh", "spec"], []),
    "vmx": ("arch/x86_64/vmx/", ["x86", "hv", "arch", "bh", "spec"], []),
    "svm": ("arch/x86_64/svm/", ["x86", "hv", "arch", "bh", "spec"], []),
    # vmm/ starts the machine's drivers and the memory manager: see the ADR on
    # vmm and drivers/phys.
    "vmm": ("vmm/", ["hv", "arch", "bh", "spec", "proto", "virt", "phys", "mm",
                     "vmm/lib"], ["jsmn.h", "asm/kvm_para.h"]),
    "boot": ("boot/", ["bh", "spec"], ["efi.h", "efilib.h"]),
    "guest": ("guest/", ["proto"], "*"),
    "tools": ("tools/", ["proto"], "*"),
    "tests": ("tests/", "*", "*"),
}
GENERATED = "build/"
# The compiler's attributes, fixed-width types and arithmetic: below all layers.
BELOW_ALL = {"include/bh/attr.h"}


def layer_of(path):
    best = max(((len(prefix), name) for name, (prefix, _, _) in RULES.items()
                if path.startswith(prefix)), default=None)
    return best[1] if best else None


def judge(path, spelling, target):
    """None, or why @path may not include @target."""
    layer = layer_of(path)
    if layer is None:
        return None
    _, allowed, system = RULES[layer]
    if target is None:
        name = spelling.strip('<>"')
        if name in COMPILER or system == "*" or name in system:
            return None
        if spelling.startswith('"') and layer not in ("tests",):
            return None  # generated at build time, next to the includer
        return f"{layer} may not include the system's {spelling}"
    if target.startswith(GENERATED) or target in BELOW_ALL:
        return None
    other = layer_of(target)
    if other is None:
        return f"{spelling} lies in no layer"
    if other == layer or allowed == "*" or other in allowed:
        return None
    return (f"{layer} may not include {other} ({spelling}); it may include "
            f"{', '.join(allowed) or 'only itself'}")


def main():
    args = common.arguments(__doc__)
    files = common.choose(args.files, common.project_files(".c", ".h"))
    problems = []
    for path in files:
        for line, spelling, target in common.includes_of(path):
            why = judge(path, spelling, target)
            if why:
                problems.append(f"{path}:{line}: layers: {why}")
    common.finish("layers", len(files), problems,
                  "move the code to the layer that may know the other, or pass "
                  "what is needed as an argument (docs/design.md, who may "
                  "include whom)")


if __name__ == "__main__":
    main()
