# SPDX-License-Identifier: MIT
"""A bar chart of root instructions per exit, ours beside the others'."""
import shutil
import subprocess

WHAT = ("cpuid", "vmcall", "msr", "pio", "notify")
PEERS = ("KVM", "Xen")
SCRIPT = """\
set terminal pngcairo size 1000,600 font "sans,11" background "#ffffff"
set output "{png}"
set title "Root instructions per exit (Bochs; fewer is better)"
set style data histogram
set style histogram clustered gap 1
set style fill solid 0.9 border -1
set boxwidth 0.9
set logscale y
set yrange [10:*]
set grid y
set key top left
set ylabel "instructions, logarithmic"
plot "{data}" using 2:xtic(1) title "Bulkhead, VT-x" lc rgb "#1b6ca8", \\
     "" using 3 title "Bulkhead, AMD-V" lc rgb "#6fb1e0", \\
     "" using 4 title "KVM, VT-x" lc rgb "#c0504d", \\
     "" using 5 title "Xen, VT-x" lc rgb "#9bbb59", \\
     "" using ($0-0.3):2:2 with labels offset 0,0.6 notitle, \\
     "" using ($0-0.1):3:3 with labels offset 0,0.6 notitle
"""


def data(table_rows):
    """Lines for gnuplot: what, then a number (or ?) for VT-x, for AMD-V and
    for each of PEERS."""
    lines = []
    for row in table_rows:
        if row["id"] not in WHAT:
            continue
        peers = {name.split()[0]: v for name, v in row["peers"].items()}
        cells = [row["value"], row.get("amd", {}).get("value")] + \
            [peers.get(who) for who in PEERS]
        lines.append(" ".join([row["id"]] + [
            "?" if c is None else f"{c:.0f}" for c in cells]))
    return "\n".join(lines) + "\n"


def draw(table_rows, out_dir):
    """Write root-per-exit.png; the reason if it cannot be."""
    if all(row["value"] is None for row in table_rows if row["id"] in WHAT):
        return "no plot: no exit was measured yet"
    if shutil.which("gnuplot") is None:
        return "no plot: install gnuplot-nox"
    values = out_dir / "root-per-exit.dat"
    values.write_text(data(table_rows))
    script = out_dir / "root-per-exit.gp"
    png = out_dir / "root-per-exit.png"
    script.write_text('set datafile missing "?"\n' +
                      SCRIPT.format(png=png, data=values))
    done = subprocess.run(["gnuplot", str(script)], capture_output=True,
                          text=True, check=False)
    return "" if done.returncode == 0 else f"no plot: {done.stderr.strip()}"
