# bhk: the operator's command line, a hosted program (libjansson-dev).
BHK        := $(BUILD)/tools/bhk/bhk
BHK_SRC    := $(wildcard tools/bhk/*.c)
BHK_OBJ    := $(BHK_SRC:%.c=$(BUILD)/%.o)
BHK_CFLAGS := -std=gnu17 -O2 -g -D_GNU_SOURCE -Wall -Wextra -Wshadow -Wvla \
	-Wundef -Wmissing-prototypes -Wstrict-prototypes -Werror -Iinclude

$(BUILD)/tools/bhk/%.o: tools/bhk/%.c tools/bhk/bhk.h
	@mkdir -p $(@D)
	$(CC) $(BHK_CFLAGS) -c $< -o $@
$(BHK): $(BHK_OBJ)
	$(CC) -o $@ $^ -ljansson

bhk: $(BHK)
.PHONY: bhk
