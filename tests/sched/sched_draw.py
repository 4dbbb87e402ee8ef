#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Pictures of the scheduler's simulation: FOLDER/*.csv become FOLDER/*.png.

`make sched-plots` runs the simulation (tests/sched/sched_plot.c) before this."""
import pathlib
import shutil
import subprocess
import sys

HEAD = """\
set terminal pngcairo size 1000,560 font "sans,11" background "#ffffff"
set datafile separator ","
set key outside right top
set grid
set output "{png}"
"""
GROUPS = (("a", "weight 100", "#1b6ca8"), ("b", "weight 200", "#c0504d"),
          ("c", "weight 700", "#6a9a3b"), ("d", "weight 500", "#8064a2"))
SHARES = """\
set title "Shares of two CPUs in each half second; lines: the ideal"
set xlabel "seconds: at 10 d comes, at 20 c gets cpu.max 50 %, \\
at 30 c has no limit and a has weight 10000"
set ylabel "CPUs"
set yrange [0:*]
plot {curves}
"""
LATENCY = """\
set title "Wake-up latency: 8 sleepers among 8 that always want to run, 4 CPUs"
set xlabel "from the wake-up to the first instruction, up to, microseconds"
set ylabel "wake-ups"
set logscale xy
set yrange [0.5:*]
set style fill solid 0.8 border -1
set boxwidth 0.7 relative
plot "{csv}" using ($1*2):2 skip 1 with boxes lc rgb "#1b6ca8" notitle
"""
QUOTA = """\
set title "Use in each period of 100 ms"
set xlabel "period"
set ylabel "ms"
set yrange [0:70]
plot "{csv}" using 1:2 skip 1 with points pt 7 ps 0.5 lc rgb "#1b6ca8" \\
       title "cpu.max 25000", \\
     "" using 1:3 skip 1 with linespoints pt 6 ps 0.7 lc rgb "#c0504d" \\
       title "40000, cpu.max.burst 20000", \\
     25 lc rgb "#1b6ca8" dt 2 notitle, 40 lc rgb "#c0504d" dt 2 notitle, \\
     60 lc rgb "#c0504d" dt 3 notitle
"""
PINNED = """\
set title "Four CPUs: five vCPUs pinned to one, 3 free ones; at 10 s, 27 more"
set xlabel "seconds"
set ylabel "CPUs for each of them"
set logscale y 2
plot "{csv}" using 1:2 skip 1 with points pt 7 ps 0.7 lc rgb "#1b6ca8" \\
       title "pinned", \\
     "" using 1:3 skip 1 with points pt 6 ps 0.9 lc rgb "#c0504d" \\
       title "free", \\
     4.0/35 lc rgb "#808080" dt 2 title "4/35"
"""


def curves(csv):
    """Points for what each group had, a line for its ideal."""
    parts = []
    for i, (_, title, colour) in enumerate(GROUPS):
        got, ideal = 2 + 2 * i, 3 + 2 * i
        parts.append(f'"{csv}" using 1:{got} skip 1 with points pt 7 ps 0.6 '
                     f'lc rgb "{colour}" title "{title}"')
        parts.append(f'"{csv}" using 1:{ideal} skip 1 with steps '
                     f'lc rgb "{colour}" notitle')
    return ", \\\n     ".join(parts)


def draw(folder):
    """All pictures; the reason if it cannot be done."""
    if shutil.which("gnuplot") is None:
        return "no plots: install gnuplot-nox"
    for name, body in (("shares", SHARES), ("latency", LATENCY),
                       ("quota", QUOTA), ("pinned", PINNED)):
        csv = folder / f"{name}.csv"
        text = (HEAD + body).format(png=folder / f"{name}.png", csv=csv,
                                    curves=curves(csv))
        script = folder / f"{name}.gp"
        script.write_text(text)
        done = subprocess.run(["gnuplot", str(script)], capture_output=True,
                              text=True, check=False)
        if done.returncode != 0:
            return f"no plot of {name}: {done.stderr.strip()}"
        print(folder / f"{name}.png")
    return ""


if __name__ == "__main__":
    sys.exit(draw(pathlib.Path(sys.argv[1])) or 0)
