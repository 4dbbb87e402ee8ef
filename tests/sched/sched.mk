# SPDX-License-Identifier: MIT
# The scheduler's simulation as numbers and pictures: build/sched/*.csv, *.png.
# Debian package: gnuplot-nox
SCHED_PLOT := build/sched/sched_plot

$(SCHED_PLOT): build/unit/tests/sched/sched_plot.o build/unit/libpure.a
	@mkdir -p $(@D)
	$(Q)$(CC) -fsanitize=address,undefined -o $@ $< build/unit/libpure.a

unit-build: $(SCHED_PLOT)
.PHONY: sched-plots
sched-plots: $(SCHED_PLOT)
	$(SCHED_PLOT) build/sched
	@cat build/sched/summary.json
	@$(PYTHON) tests/sched/sched_draw.py build/sched
-include build/unit/tests/sched/sched_plot.d
