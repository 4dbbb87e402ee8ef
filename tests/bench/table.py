# SPDX-License-Identifier: MIT
"""Targets, verdicts, the gate, and how they are shown."""
import json


def load(path):
    return json.loads(path.read_text())


def judge(limit, value):
    if value is None:
        return "not measured"
    if limit is None:
        return "no target"
    return "met" if value <= limit else "NOT MET"


def rows(targets, figures):
    """Put the measured figures ({name: number or None}) beside the targets.
    A row is of VT-x; `amd` in it is the same by AMD-V, where there is such."""
    out = []
    for target in targets["rows"]:
        row = dict(target, **_cell(target, figures))
        if "amd" in target:
            row["amd"] = dict(target["amd"], **_cell(target["amd"], figures))
        out.append(row)
    return out


def _cell(target, figures):
    value = figures.get(target["measure"])
    return {"value": value, "verdict": judge(target["limit"], value)}


def number(value):
    """Three decimals where they matter, thousands separated."""
    if value is None:
        return "-"
    if isinstance(value, float) and value < 100 and value != int(value):
        return f"{value:.3f}".rstrip("0").rstrip(".")
    return f"{value:,.0f}"


def peers_text(peers):
    return ", ".join(f"{name} {number(v)}" for name, v in peers.items())


def _cells(row):
    """Target, value and verdict of one vendor."""
    if row is None:
        return "", "", ""
    limit = "" if row["limit"] is None else "<= " + number(row["limit"])
    return limit, number(row["value"]), \
        "" if row["verdict"] == "no target" else row["verdict"]


def render(table_rows):
    """The table as text for a terminal."""
    head = ("what", "unit", "target", "VT-x", "verdict", "target", "AMD-V",
            "verdict", "others")
    lines = [head] + [
        (r["text"], r["unit"], *_cells(r), *_cells(r.get("amd")),
         peers_text(r["peers"])) for r in table_rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    right = {2, 3, 5, 6}
    text = []
    for line in lines:
        cells = [cell.rjust(w) if i in right else cell.ljust(w)
                 for i, (cell, w) in enumerate(zip(line, widths))]
        text.append("  ".join(cells).rstrip())
    text.insert(1, "-" * max(len(t) for t in text))
    return "\n".join(text)


def render_exits(title, exit_rows, top=12):
    """Exits by reason, the most expensive first. The state that the processor
    keeps is read and written by VMREAD and VMWRITE, or VMLOAD and VMSAVE."""
    is_modelled = any(row["cycles"] is not None for row in exit_rows)
    text = [title, f"{'reason':28} {'exits':>9} {'root insn':>12} "
                   f"{'each':>9} {'state':>6} {'MSR':>5}" +
            (f" {'cycles*':>9}" if is_modelled else "")]
    for row in exit_rows[:top]:
        n = max(row["count"], 1)
        line = f"{row['name']:28} {row['count']:>9,} {row['root']:>12,} " \
               f"{row['root'] / n:>9,.1f} {row['vmcs'] / n:>6.1f} " \
               f"{row['msr'] / n:>5.1f}"
        if is_modelled:
            line += f" {row['cycles'] / n:>9,.0f}"
        text.append(line)
    if is_modelled:
        text.append("* modelled for real hardware: 1,200 an exit + 0.6 a root "
                    "instruction + 25 a VMREAD or VMWRITE + 100 an MSR access")
    return "\n".join(text)


def render_sections(sections, runs):
    """What lies between the guests' marks, the marks' own exits taken out:
    averages of `runs` operations."""
    text = [f"{'operation':20} {'ticks':>9} {'exits':>7} {'root insn':>10} "
            f"{'state':>7} {'MSR':>5}"]
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
        room = slack.get(name, slack.get(name.rpartition(".")[0]))
        if value is not None and room is not None:
            out[name] = round(value + room, 3)
    return {"slack": slack, "limits": out}
