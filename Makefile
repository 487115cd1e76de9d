# SPDX-License-Identifier: MIT
# Spillway.  `make help` lists the targets.

VERSION := 0.1.0
PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
MANDIR ?= $(PREFIX)/share/man
UNITDIR ?= $(PREFIX)/lib/systemd/system
KIND ?= release
B := build/$(KIND)

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes \
	-Wmissing-prototypes -Wold-style-definition -Wwrite-strings -Wformat=2 \
	-Wundef -Wvla -Walloca -Wcast-qual -Wconversion -Wsign-conversion \
	-Wdouble-promotion -Wnull-dereference -Wimplicit-fallthrough \
	-Wswitch-enum -Wpointer-arith -Wredundant-decls -Wframe-larger-than=16384
ifneq (,$(findstring gcc,$(shell $(CC) --version 2>/dev/null | head -n 1)))
WARN += -Wformat-signedness -Wduplicated-cond -Wlogical-op -Wcast-align=strict
endif
ifdef CI
WARN += -Werror
endif
HARDEN := -D_FORTIFY_SOURCE=3 -fstack-protector-strong -fstack-clash-protection \
	-fcf-protection
OPT_release := -O2 $(HARDEN)
OPT_asan := -O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined \
	-fno-omit-frame-pointer
OPT_tsan := -O1 -fsanitize=thread
CFLAGS ?= -g
ALL_CFLAGS := -std=c11 -D_GNU_SOURCE -DSW_RELEASE='"$(VERSION)"' -fPIC \
	-fvisibility=hidden $(OPT_$(KIND)) $(WARN) -MMD -MP $(CPPFLAGS) $(CFLAGS)
ALL_LDFLAGS := -pie -Wl,-z,relro,-z,now $(filter -fsanitize%,$(OPT_$(KIND))) $(LDFLAGS)

# Who may include whom: one list of folders for each folder.
INC_wire := wire
INC_broker := wire broker
INC_producer := wire producer
INC_worker := wire worker
INC_jobs := wire worker jobs
INC_tests := wire broker producer worker jobs tests
INC_bench := wire producer bench

LIBS_broker := -lzmq -llmdb -linih -lsystemd
LIBS_producer := -lzmq -lcjson -lncursesw -ltinfo
LIBS_worker := -lzmq -lsystemd -lsqlite3

objs = $(patsubst %.c,$B/%.o,$(filter-out $(2),$(wildcard $(1)/*.c)))
WIRE := $(call objs,wire)

$B/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(foreach d,$(INC_$(firstword $(subst /, ,$<))),-I$d) -c -o $@ $<
