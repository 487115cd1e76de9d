# SPDX-License-Identifier: MIT
# Spillway.  `make help` lists the targets.
VERSION := 0.1.0
PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
LIBDIR ?= $(PREFIX)/lib
UNITDIR ?= $(LIBDIR)/systemd/system
INCLUDEDIR ?= $(PREFIX)/include
MANDIR ?= $(PREFIX)/share/man
KIND ?= release
B := build/$(KIND)$(addprefix -,$(PLANT))

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wold-style-definition -Wwrite-strings -Wformat=2 -Wundef -Wvla -Walloca -Wcast-qual \
	-Wconversion -Wsign-conversion -Wdouble-promotion -Wnull-dereference \
	-Wimplicit-fallthrough -Wswitch-enum -Wpointer-arith -Wredundant-decls \
	-Wframe-larger-than=16384 $(if $(CI),-Werror)
WARN += $(if $(findstring Free Software,$(shell $(CC) --version 2>/dev/null)), \
	-Wformat-signedness -Wduplicated-cond -Wlogical-op -Wcast-align=strict)
HARDEN := -D_FORTIFY_SOURCE=3 -fstack-protector-strong -fstack-clash-protection -fcf-protection
OPT_release := -O2 $(HARDEN)
OPT_asan := -O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
OPT_tsan := -O1 -fsanitize=thread
CFLAGS ?= -g
ALL_CFLAGS := -std=c11 -D_GNU_SOURCE -DSPILLWAY_VERSION='"$(VERSION)"' -fPIC \
	-fvisibility=hidden $(OPT_$(KIND)) $(WARN) -MMD -MP $(if $(PLANT),-DPLANT=PLANT_$(PLANT)) $(CPPFLAGS) $(CFLAGS)
ALL_LDFLAGS := -pie -Wl,-z,relro,-z,now $(filter -fsanitize%,$(OPT_$(KIND))) $(LDFLAGS)
CODE := wire blob broker producer worker jobs front
# Who may include whom: one list of folders for each folder.
INC_wire := wire
INC_blob := wire blob
INC_broker := wire broker
INC_producer := wire blob producer
INC_worker := wire blob worker
INC_jobs := wire blob worker jobs
INC_front := wire producer front
INC_tests := wire blob broker producer worker jobs tests
INC_bench := wire producer bench
INC_docs := wire
INC_examples := producer
# A folder's main.c is a program; producer/cmd*.c belong to the command.
objs = $(patsubst %.c,$B/%.o,$(filter-out $(2),$(wildcard $(1)/*.c)))
WIRE := $(call objs,wire)
BLOB := $(call objs,blob)
BROKER := $(call objs,broker,broker/main.c)
LIB := $(call objs,producer,producer/main.c $(wildcard producer/cmd*.c))
CMD := $(patsubst %.c,$B/%.o,$(wildcard producer/cmd*.c))
WORKER := $(call objs,worker,worker/main.c)
JOBS := $(call objs,jobs,jobs/main.c)
FRONT := $(call objs,front,front/main.c)
UTIL := $(patsubst %.c,$B/%.o,$(wildcard tests/util*.c))
TESTS := $(patsubst %.c,$B/%,$(wildcard tests/test_*.c tests/proof_*.c))
PRELOADS := $(patsubst %.c,$B/%.so,$(wildcard tests/preload_*.c))
PROOFS := $(patsubst tests/proof/%.sh,%,$(wildcard tests/proof/*.sh))
FUZZERS := $(patsubst tests/fuzz_%.c,build/fuzz/%,$(wildcard tests/fuzz_*.c))
PROGRAMS := $(addprefix $B/,spillway-broker spillway-worker spillway spillway-report spillway-front)
LIBRARY := $B/libspillway.a $B/libspillway.so.0
LIBS_ALL := -lzmq -llmdb -linih -lsystemd -luuid -lsqlite3 -lcjson -lyajl -lm -lcurl -lcrypto -lexpat -levent -lseccomp -lz -lzstd

## all: build everything (the default)
all: $(PROGRAMS) $(LIBRARY) $B/loggen

$B/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(foreach d,$(INC_$(firstword $(subst /, ,$<))),-iquote $d) -c -o $@ $<

$B/spillway-broker: $B/broker/main.o $(BROKER) $(WIRE)
$B/spillway-worker: $B/worker/main.o $(WORKER) $(JOBS) $(BLOB) $(WIRE)
$B/spillway: $B/producer/main.o $(CMD) $(LIB) $(BLOB) $(WIRE)
$B/spillway-report: $(patsubst %,$B/jobs/%.o,main report_open show show_json show_csv view text hist hll) $(WIRE)
$B/loggen: $B/examples/loggen.o
$B/spillway-front: $B/front/main.o $(FRONT) $(LIB) $(WIRE)
$B/spillway-bench: $(call objs,bench) $(WIRE)
$B/protocol-tables: $B/docs/tables.o $(WIRE)
$(TESTS): $B/%: $B/%.o $(UTIL) $(BROKER) $(LIB) $(CMD) $(WORKER) $(JOBS) $(BLOB) $(WIRE)
$B/spillway-bench: LIBS_ALL += -lhiredis
$(TESTS): LIBS_ALL += -lcmocka

$(PROGRAMS) $(TESTS) $B/loggen $B/spillway-bench $B/protocol-tables:
	$(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o,$^) -Wl,--as-needed $(LIBS_ALL)
$(PRELOADS): %.so: %.o
	$(CC) -shared -o $@ $< -ldl
# One object with only the public names in it, so that ours cannot clash.
$B/libspillway.a: $(LIB) $(WIRE)
	$(LD) -r -o $B/libspillway.o $^ && objcopy --localize-hidden $B/libspillway.o
	rm -f $@ && $(AR) rcs $@ $B/libspillway.o
$B/libspillway.so.0: $(LIB) $(WIRE) producer/libspillway.map
	$(CC) -shared $(filter-out -pie,$(ALL_LDFLAGS)) -Wl,-soname,$(@F) \
		-Wl,--version-script=producer/libspillway.map -o $@ $(filter %.o,$^) -lzmq -luuid

DEPS := gcc libc6-dev pkg-config libzmq3-dev liblmdb-dev uuid-dev libcmocka-dev libxxhash-dev uthash-dev libcurl4-openssl-dev \
	libssl-dev libexpat1-dev libinih-dev libsystemd-dev libsqlite3-dev libcjson-dev libyajl-dev python3-zmq libevent-dev \
	libseccomp-dev zlib1g-dev libzstd-dev zstd procps mandoc systemd openssl
BENCH_DEPS := beanstalkd redis-server libhiredis-dev
## deps: install what is missing (Debian; as root or through sudo)
deps:
	@tests/deps.sh $(DEPS)
## check: install what is missing, build, run all tests
check: deps
	@$(MAKE) --no-print-directory KIND=$(KIND) test
test: all $(TESTS) $(PRELOADS) $B/protocol-tables
	@tests/run.sh $B
## sim, power, torture, faults, full, hostile, corrupt: a proof of docs/testing.md
$(PROOFS): deps
	@$(MAKE) --no-print-directory all $(TESTS) $(PRELOADS)
	@tests/proof/$@.sh $B
## demo: real work through a real broker and real workers, with kill -9
demo: deps
	@$(MAKE) --no-print-directory all
	@examples/demo.sh $B
## bench: speed beside beanstalkd and Redis, in one run
bench:
	@tests/deps.sh $(DEPS) $(BENCH_DEPS)
	@$(MAKE) --no-print-directory all $B/spillway-bench
	@bench/run $B
	@bench/logs.sh $B
## valgrind: the unit tests under memcheck
valgrind: deps
	@tests/deps.sh valgrind
	@$(MAKE) --no-print-directory all $(TESTS)
	@tests/valgrind.sh $B
## asan, tsan: the tests under a sanitizer
asan tsan:
	@$(MAKE) --no-print-directory KIND=$@ check
## fuzz: every decoder for FUZZ_S seconds (20)
fuzz: $(FUZZERS)
	@for f in $(FUZZERS); do tests/fuzz.sh $$f $(or $(FUZZ_S),20) || exit 1; done
build/fuzz/%: tests/fuzz_%.c $(wildcard wire/*.c jobs/scan*.c jobs/text.c jobs/webhook_a*.c jobs/webhook_sign.c) $(filter-out broker/main.c broker/broker.c,$(wildcard broker/*.c)) worker/line.c
	@mkdir -p $(@D)
	clang -std=c11 -D_GNU_SOURCE -DSPILLWAY_VERSION='"$(VERSION)"' -g -O1 -fsanitize=fuzzer,address,undefined \
		$(foreach d,$(INC_tests),-iquote $d) -o $@ $^ -lzmq -luuid -lyajl -linih -llmdb -lm -lcurl -lcrypto
## protocol-tables: bring the tables of docs/protocol.md up to date
protocol-tables: $B/protocol-tables
	$< update docs/protocol.md
## tidy: clang-tidy, gcc's analyzer and cppcheck
tidy:
	@tests/deps.sh $(DEPS) libhiredis-dev clang-tidy cppcheck
	@tests/tidy.sh $(CODE) tests bench examples docs
## format: clang-format over everything
format:
	clang-format -i $(wildcard $(addsuffix /*.[ch],$(CODE) tests bench examples docs))
## install, uninstall: into PREFIX (/usr/local), below DESTDIR
install: all
install uninstall:
	@$(foreach v,DESTDIR PREFIX BINDIR LIBDIR INCLUDEDIR MANDIR UNITDIR VERSION,$v="$($v)") tests/install.sh $@ $B
## dist: a tar of what git has
dist:
	git archive --prefix=spillway-$(VERSION)/ -o spillway-$(VERSION).tar.gz HEAD
## clean: remove all that was built
clean:
	rm -rf build
## help: print this
help:
	@sed -n 's/^## /  /p' $(MAKEFILE_LIST)
.PHONY: $(PROOFS) all deps check test demo bench asan tsan valgrind fuzz protocol-tables tidy format install uninstall dist clean help
.DEFAULT_GOAL := all
-include $(shell find $B -name '*.d' 2>/dev/null)
