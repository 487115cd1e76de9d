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

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition -Wwrite-strings \
	-Wformat=2 -Wundef -Wvla -Walloca -Wcast-qual -Wconversion -Wsign-conversion -Wdouble-promotion -Wnull-dereference \
	-Wimplicit-fallthrough -Wswitch-enum -Wpointer-arith -Wredundant-decls -Wframe-larger-than=16384 $(if $(CI),-Werror) \
	$(if $(findstring Free Software,$(shell $(CC) --version 2>/dev/null)), -Wformat-signedness -Wduplicated-cond -Wlogical-op -Wcast-align=strict)
HARDEN := -D_FORTIFY_SOURCE=3 -fstack-protector-strong -fstack-clash-protection -fcf-protection
OPT_release := -O2 $(HARDEN)
OPT_asan := -O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
OPT_tsan := -O1 -fsanitize=thread
OPT_fuzz := -w -O1 -fsanitize=fuzzer-no-link,address,undefined
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
INC_tests := wire blob broker producer worker jobs front tests
INC_bench := wire producer bench
INC_docs := wire
INC_examples := producer
# A folder's main.c is a program; producer/cmd*.c belong to the command.
objs = $(patsubst %.c,$B/%.o,$(filter-out $(2),$(wildcard $(1)/*.c)))
$(foreach f,wire blob broker worker jobs,$(eval $f_O := $$(call objs,$f,$f/main.c)))
LIB := $(call objs,producer,producer/main.c $(wildcard producer/cmd*.c))
CMD := $(patsubst %.c,$B/%.o,$(wildcard producer/cmd*.c))
FRONT := $(call objs,front,front/main.c front/isolate_main.c)
UTIL := $(patsubst %.c,$B/%.o,$(wildcard tests/util*.c))
TESTS := $(patsubst %.c,$B/%,$(wildcard tests/test_*.c tests/proof_*.c))
PRELOADS := $(patsubst %.c,$B/%.so,$(wildcard tests/preload_*.c))
PROOFS := $(patsubst tests/proof/%.sh,%,$(wildcard tests/proof/*.sh))
FUZZERS := $(patsubst tests/fuzz_%.c,build/fuzz/%,$(wildcard tests/fuzz_*.c))
PROGRAMS := $(addprefix $B/,spillway-broker spillway-worker spillway spillway-report spillway-front spillway-isolate)
LIBRARY := $B/libspillway.a $B/libspillway.so.0
LIBS_ALL := -lzmq -llmdb -linih -lsystemd -luuid -lsqlite3 -lcjson -lyajl -lm -lcurl -lcrypto -lidn2 -lexpat -levent -lseccomp -lz -lzstd

## all: build everything (the default)
all: $(PROGRAMS) $(LIBRARY) $B/loggen

$B/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(foreach d,$(INC_$(firstword $(subst /, ,$<))),-iquote $d) -c -o $@ $<

$B/spillway-broker: $B/broker/main.o $(broker_O) $(wire_O)
$B/spillway-worker: $B/worker/main.o $(worker_O) $(jobs_O) $(blob_O) $(wire_O)
$B/spillway: $B/producer/main.o $(CMD) $(LIB) $(blob_O) $(wire_O)
$B/spillway-report: $(patsubst %,$B/jobs/%.o,main report_open show show_json show_csv view text hist hll) $(wire_O)
$B/loggen: $B/examples/loggen.o
$B/spillway-front: $B/front/main.o $(FRONT) $(LIB) $(wire_O)
$B/spillway-isolate: $(addprefix $B/,$(addprefix front/,isolate_main.o zygote.o isolate.o mailbox.o sandbox.o) producer/parcel.o $(addprefix wire/,error.o id.o msg.o proto.o setting.o))
$B/spillway-bench: $(call objs,bench) $(wire_O)
$B/protocol-tables: $B/docs/tables.o $(wire_O)
$(TESTS): $B/%: $B/%.o $(UTIL) $(addprefix $B/front/,budget.o watch.o mailbox.o) $(broker_O) $(LIB) $(CMD) $(worker_O) $(jobs_O) $(blob_O) $(wire_O)
$B/spillway-bench: LIBS_ALL += -lhiredis
$(TESTS): LIBS_ALL += -lcmocka
$(PROGRAMS) $(TESTS) $B/loggen $B/spillway-bench $B/protocol-tables:
	$(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o,$^) -Wl,--as-needed $(LIBS_ALL)
$(PRELOADS): %.so: %.o
	$(CC) -shared -o $@ $< -ldl
# One object with only the public names in it, so that ours cannot clash.
$B/libspillway.a: $(LIB) $(wire_O)
	$(LD) -r -o $B/libspillway.o $^ && objcopy --localize-hidden $B/libspillway.o
	rm -f $@ && $(AR) rcs $@ $B/libspillway.o
$B/libspillway.so.0: $(LIB) $(wire_O) producer/libspillway.map
	$(CC) -shared $(filter-out -pie,$(ALL_LDFLAGS)) -Wl,-soname,$(@F) \
		-Wl,--version-script=producer/libspillway.map -o $@ $(filter %.o,$^) -lzmq -luuid

DEPS := gcc libc6-dev pkg-config libzmq3-dev liblmdb-dev uuid-dev libcmocka-dev libxxhash-dev uthash-dev libcurl4-openssl-dev \
	libssl-dev libexpat1-dev libinih-dev libsystemd-dev libsqlite3-dev libcjson-dev libyajl-dev python3-zmq libevent-dev \
	libseccomp-dev zlib1g-dev libzstd-dev zstd procps mandoc systemd curl openssl valgrind libidn2-dev python3-aiosmtpd python3-dkim ffmpeg
BENCH_DEPS := beanstalkd redis-server libhiredis-dev wrk nginx-light
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
## demo: real work through a front, a broker and workers, with kill -9
demo: deps
	@$(MAKE) --no-print-directory all
	@examples/demo.sh $B
## bench: speed beside others, in parts; BENCH_PART=front: one of them
bench:
	@tests/deps.sh $(DEPS) $(BENCH_DEPS)
	@$(MAKE) --no-print-directory all $B/spillway-bench
	@bench/all $B
## asan, tsan: the tests under two sanitizers; those that have threads, for races
asan:
	@$(MAKE) --no-print-directory KIND=$@ check
tsan: deps
	@tests/tsan.sh
## cover: which branches of core, store and wire the tests reach
cover: deps
	@tests/cover.sh
## fuzz: every decoder for FUZZ_S seconds (20)
fuzz:
	@$(MAKE) --no-print-directory -s KIND=fuzz CC=clang $(FUZZERS)
	@for f in $(FUZZERS); do tests/fuzz.sh $$f $(or $(FUZZ_S),20) || exit 1; done
$(FUZZERS): build/fuzz/%: $B/tests/fuzz_%.o $(broker_O) $(worker_O) $(jobs_O) $(blob_O) $(wire_O)
	$(CC) $(subst -no-link,,$(ALL_LDFLAGS)) -o $@ $^ $(LIBS_ALL)
## protocol-tables: bring the tables of docs/protocol.md up to date
protocol-tables: $B/protocol-tables
	$< update docs/protocol.md
## tidy: clang-tidy, gcc's analyzer and cppcheck
tidy: deps
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
.PHONY: $(PROOFS) all deps check test demo bench asan tsan cover fuzz protocol-tables tidy format install uninstall dist clean help
.DEFAULT_GOAL := all
-include $(shell find $B -name '*.d' 2>/dev/null)
