# SPDX-License-Identifier: MIT
"""Targets, verdicts, the gate, and how they are shown."""
import json


def load(path):
    return json.loads(path.read_text())


def rows(targets, figures):
    """Put the measured figures ({name: number or None}) beside the targets."""
    out = []
    for target in targets["rows"]:
        value = figures.get(target["measure"])
        verdict = "not measured" if value is None else \
            "met" if value <= target["limit"] else "NOT MET"
        out.append(dict(target, value=value, verdict=verdict))
    return out


def number(value):
    """Three decimals where they matter, thousands separated."""
    if value is None:
        return "-"
    if isinstance(value, float) and value < 100 and value != int(value):
        return f"{value:.3f}".rstrip("0").rstrip(".")
    return f"{value:,.0f}"


def peers_text(peers):
    return ", ".join(f"{name} {number(v)}" for name, v in peers.items())


def render(table_rows):
    """The table as text for a terminal."""
    head = ("what", "unit", "target", "measured", "verdict", "others")
    lines = [head] + [
        (r["text"], r["unit"], "<= " + number(r["limit"]), number(r["value"]),
         r["verdict"], peers_text(r["peers"])) for r in table_rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    right = {2, 3}
    text = []
    for line in lines:
        cells = [cell.rjust(w) if i in right else cell.ljust(w)
                 for i, (cell, w) in enumerate(zip(line, widths))]
        text.append("  ".join(cells).rstrip())
    text.insert(1, "-" * max(len(t) for t in text))
    return "\n".join(text)


def render_exits(title, exit_rows, top=12):
    """Exits by reason, the most expensive first."""
    text = [title, f"{'reason':28} {'exits':>9} {'root insn':>12} "
                   f"{'each':>9} {'VMCS':>6} {'MSR':>5} {'cycles*':>9}"]
    for row in exit_rows[:top]:
        n = max(row["count"], 1)
        text.append(f"{row['name']:28} {row['count']:>9,} {row['root']:>12,} "
                    f"{row['root'] / n:>9,.1f} {row['vmcs'] / n:>6.1f} "
                    f"{row['msr'] / n:>5.1f} {row['cycles'] / n:>9,.0f}")
    text.append("* modelled for real hardware: 1,200 an exit + 0.6 a root "
                "instruction + 25 a VMCS + 100 an MSR access")
    return "\n".join(text)


def render_sections(sections, runs):
    """What lies between the guests' marks, the marks' own exits taken out:
    averages of `runs` operations."""
    text = [f"{'operation':20} {'ticks':>9} {'exits':>7} {'root insn':>10} "
            f"{'VMCS':>7} {'MSR':>5}"]
    text += [f"{name:20} {s['ticks'] / runs:>9,.1f} {s['exits'] / runs:>7.2f} "
             f"{s['root'] / runs:>10,.1f} {s['vmcs'] / runs:>7.1f} "
             f"{s['msr'] / runs:>5.1f}" for name, s in sections.items()]
    return "\n".join(text)


def gate(limits, figures):
    """What is worse than the gate allows: a list of sentences."""
    bad = []
    for name, limit in sorted(limits["limits"].items()):
        value = figures.get(name)
        if value is None:
            bad.append(f"{name}: not measured, the gate wants it "
                       f"<= {number(limit)}")
        elif value > limit:
            bad.append(f"{name}: {number(value)} > {number(limit)}")
    return bad


def new_gate(limits, figures):
    """A gate at today's figures plus the slack of each figure or family of
    figures. Figures without slack are no limits; what was not measured keeps
    the limit it had."""
    slack = limits["slack"]
    out = dict(limits["limits"])
    for name, value in figures.items():
        room = slack.get(name, slack.get(name.split(".")[0]))
        if value is not None and room is not None:
            out[name] = round(value + room, 3)
    return {"slack": slack, "limits": out}
