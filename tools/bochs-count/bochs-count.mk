# SPDX-License-Identifier: MIT
# The counter that is preloaded into Debian's Bochs (see README.md there).
BOCHS_COUNT_SRC := $(addprefix tools/bochs-count/,patch.c count.c rips.c \
	report.c)

build/tools/libbochs_count.so: $(BOCHS_COUNT_SRC) \
		tools/bochs-count/bochs_count.h
	@mkdir -p $(@D)
	gcc -std=gnu17 -O2 -Wall -Wextra -Wshadow -Wvla -Werror -fPIC -shared \
		-o $@ $(BOCHS_COUNT_SRC)

.PHONY: bochs-count
bochs-count: build/tools/libbochs_count.so
