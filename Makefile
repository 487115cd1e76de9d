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
OPT_release := -O2 -D_FORTIFY_SOURCE=3 -fstack-protector-strong -fstack-clash-protection -fcf-protection
OPT_asan := -O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
OPT_tsan := -O1 -fsanitize=thread
OPT_fuzz := -w -O1 -fsanitize=fuzzer-no-link,address,undefined
CFLAGS ?= -g
ALL_CFLAGS := -std=c11 -D_GNU_SOURCE -DSPILLWAY_VERSION='"$(VERSION)"' -fPIC \
	-fvisibility=hidden $(OPT_$(KIND)) $(WARN) -MMD -MP $(if $(PLANT),-DPLANT=PLANT_$(PLANT)) $(CPPFLAGS) $(CFLAGS)
ALL_LDFLAGS := -pie -Wl,-z,relro,-z,now $(filter -fsanitize%,$(OPT_$(KIND))) $(LDFLAGS)
JOB_KINDS := email exec logs noop transcode webhook
CODE := base wire link blob broker broker/core broker/job broker/model broker/time broker/store broker/repair producer cli cli/top cli/transfer spawner worker \
	worker/kept worker/lease worker/process jobs $(JOB_KINDS:%=jobs/%) report front front/isolate
TESTDIRS := $(sort $(patsubst %/,%,$(dir $(wildcard tests/*/*.c tests/unit/*/*.c))))
# A room's main.c is a program; tests/house.rooms says which room may include which.
objs = $(patsubst %.c,$B/%.o,$(filter-out %/main.c,$(foreach d,$(1),$(wildcard $(d)/*.c))))
# Archives: a program gets only the objects that it uses.
WIRE := $(addprefix $B/,link.a wire.a base.a)
CORE := $(call objs,broker/core broker/job broker/model broker/time broker/store)
REPAIR := $(call objs,broker/repair)
BROKER := $(call objs,broker) $(CORE)
REPORT := $(addprefix $B/report/,database.o hll.o path_times.o)
JOBS := $(call objs,jobs $(JOB_KINDS:%=jobs/%)) $(REPORT)
WORKER := $(call objs,worker worker/kept worker/lease worker/process)
LIB := $(call objs,producer)
FRONT := $(call objs,front) $(call objs,front/isolate)
# In these folders all that is no program and no preload is for every test.
UTIL := $(foreach d,lib sim power faults fuzz,$(patsubst %.c,$B/%.o,$(filter-out $(addprefix tests/$d/,test_% proof_% fuzz_% preload_%),$(wildcard tests/$d/*.c))))
TESTS := $(patsubst %.c,$B/%,$(wildcard tests/unit/*/test_*.c tests/*/test_*.c tests/*/proof_*.c))
PRELOADS := $(patsubst %.c,$B/%.so,$(wildcard tests/*/preload_*.c))
PROOFS := $(patsubst tests/proof/%.sh,%,$(wildcard tests/proof/*.sh))
FUZZERS := $(patsubst tests/fuzz/fuzz_%.c,build/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
PROGRAMS := $(addprefix $B/,spillway-broker spillway-repair spillway-worker spillway-spawner spillway spillway-report spillway-front spillway-isolate spillway-job-email spillway-job-exec spillway-job-logs spillway-job-noop spillway-job-transcode spillway-job-webhook)
LIBRARY := $(addprefix $B/,libspillway.a libspillway.so.0 libspillway-job.a libspillway-job.so.0)
DEPS := $(addprefix deps-,run transcode build demo test proof bench tidy)
LIBS_ALL := -lzmq -llmdb -lsystemd -luuid -lsqlite3 -ljansson -lyajl -lm -lcurl -lcrypto -lidn2 -lexpat -levent -lseccomp -lz -lzstd

## all: build everything (the default)
all: $(PROGRAMS) $(LIBRARY) $B/loggen

# Missing packages end the build before its first object.
no_header = $(strip $(shell CC="$(CC)" CPPFLAGS="$(CPPFLAGS)" tests/deps.sh --missing $*))
$B/.headers-build $B/.headers-test: $B/.headers-%: tests/deps.list
	$(if $(no_header),$(error missing: $(no_header); run make deps-$*))$(if $(filter-out 0,$(.SHELLSTATUS)),$(error $(CC) is no compiler))@mkdir -p $(@D) && touch $@
$(addsuffix .o,$(TESTS)) $(UTIL): | $B/.headers-test
$B/%.o: %.c Makefile | $B/.headers-build
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -iquote . -c -o $@ $<

$(WIRE) $B/blob.a $B/jobs.a: $B/%.a: ; rm -f $@ && $(AR) rcs $@ $^
$(foreach r,base wire link blob jobs,$(eval $B/$r.a: $(call objs,$r)))
$B/spillway-broker: $B/broker/main.o $(BROKER) $(WIRE)
$B/spillway-repair: $B/broker/repair/main.o $(REPAIR) $(CORE) $(WIRE)
$B/spillway-worker: $B/worker/main.o $(WORKER) $(WIRE)
$B/spillway-spawner: $B/spawner/main.o $(call objs,spawner) $B/base.a
$(foreach k,$(JOB_KINDS),$(eval $B/spillway-job-$k: $B/jobs/$k/main.o $(call objs,jobs/$k) $(if $(filter logs,$k),$(REPORT)) $B/jobs.a $B/blob.a $(WIRE)))
$B/spillway: $B/cli/main.o $(call objs,cli cli/top cli/transfer) $(LIB) $(call objs,blob) $(WIRE)
$B/spillway-report: $B/report/main.o $(call objs,report) $(WIRE)
$B/loggen: $B/examples/loggen.o
$B/spillway-front: $B/front/main.o $(FRONT) $(LIB) $(WIRE)
$B/spillway-isolate: $(addprefix $B/front/isolate/,main.o zygote.o isolate.o mailbox.o sandbox.o) $(WIRE)
$B/spillway-bench: $(patsubst %.c,$B/%.o,$(wildcard bench/*.c)) $(WIRE)
$B/protocol-tables: $B/docs/tables.o $(WIRE)
$(TESTS): $B/%: $B/%.o $(UTIL) $(addprefix $B/front/isolate/,budget.o watch.o mailbox.o) $(BROKER) $(REPAIR) $(LIB) $(call objs,cli cli/top cli/transfer report spawner) $(WORKER) $(JOBS) $(call objs,blob) $(WIRE)
$B/spillway-bench: LIBS_ALL += -lhiredis
$(TESTS): private LIBS_ALL += -lcmocka
# These run programs: never those of an earlier build.
$(filter %/test_cmd_real %/test_programs %/test_programs_start %/test_report %/test_running %/test_spawn %/test_spawn_ends %/proof_faults_run,$(TESTS)): | $(PROGRAMS) $B/loggen
$(PROGRAMS) $(TESTS) $B/loggen $B/spillway-bench $B/protocol-tables:
	$(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o %.a,$^) -Wl,--as-needed $(LIBS_ALL)
$(PRELOADS): %.so: %.o ; $(CC) -shared -o $@ $< -ldl
# One object with only the public names in it, so that ours cannot clash.
$B/libspillway.a $B/libspillway.so.0: $(LIB) $(WIRE) producer/libspillway.map
$B/libspillway-job.a $B/libspillway-job.so.0: $B/jobs/spillway-job.o $B/jobs/cost.o $(WIRE) jobs/libspillway-job.map
$(filter %.a,$(LIBRARY)): %.a:
	$(LD) -r -o $*.o $(filter %.o %.a,$^) && objcopy --localize-hidden $*.o
	rm -f $@ && $(AR) rcs $@ $*.o
$(filter %.0,$(LIBRARY)): ; $(CC) -shared $(filter-out -pie,$(ALL_LDFLAGS)) -Wl,-soname,$(@F),--version-script=$(filter %.map,$^),--as-needed -o $@ $(filter %.o %.a,$^) -lzmq -luuid

## deps-run, deps-build, deps-transcode, deps: packages to run, for make, that job, make check
$(DEPS): deps-%: ; @tests/deps.sh $*
deps: deps-test
## check: install what is missing, build, run the unit and end-to-end tests
## proof, soak: tests/proof, PROOF_S seconds (60) each; for SOAK_S (600) those that run for a time
check: deps-test
proof soak ci: deps-proof
check proof soak ci:
	@$(MAKE) --no-print-directory KIND=$(KIND) WHAT="$(if $(filter ci,$@),proof check,$@)" test
test: all $(TESTS) $(PRELOADS) $B/protocol-tables
	@tests/run.sh $B $(or $(WHAT),check)
## sim, power, torture, faults, full, hostile, corrupt ...: a proof alone
$(PROOFS): deps-proof
	@$(MAKE) --no-print-directory KIND=$(KIND) all $(TESTS) $(PRELOADS)
	@SPILLWAY_BIN=$(abspath $B) tests/proof/$@.sh
## house: the rules of CONTRIBUTING.md that can be counted
house: ; @tests/house.py
## demo: real work through a front, a broker and workers, with kill -9; DEMO=transcode: a part of it
demo: deps-demo $(addprefix deps-,$(filter transcode,$(DEMO)))
	@$(MAKE) --no-print-directory all
	@examples/demo.sh $B $(DEMO)
## bench: speed beside others, in parts; BENCH_PART=front: one of them
bench: deps-bench
	@$(MAKE) --no-print-directory all $B/spillway-bench
	@bench/all $B
## asan, tsan: check and proof under two sanitizers; the tests with threads, for races
asan: ; @$(MAKE) --no-print-directory KIND=$@ PROOF_S=$(or $(PROOF_S),20) ci
tsan: deps-test ; @tests/tsan.sh
## cover: which branches of core, store and wire the tests reach
cover: deps-test ; @tests/cover.sh
## fuzz: every decoder for FUZZ_S seconds (20)
fuzz:
	@$(MAKE) --no-print-directory -s KIND=fuzz CC=clang $(FUZZERS)
	@for f in $(or $(FUZZERS),none); do tests/fuzz/fuzz.sh $$f $(or $(FUZZ_S),20) || exit 1; done
$(FUZZERS): build/fuzz/%: $B/tests/fuzz/fuzz_%.o $(BROKER) $(WORKER) $(JOBS) $(call objs,blob) $(WIRE)
	$(CC) $(subst -no-link,,$(ALL_LDFLAGS)) -o $@ $^ $(LIBS_ALL)
## protocol-tables, completion, man-pages: bring what docs/ has of tables up to date
protocol-tables: $B/protocol-tables ; $< update docs/protocol.md
completion: $B/spillway; @for s in bash zsh fish; do $< completion $$s >docs/completion/spillway.$$s; done
man-pages: all ; @tests/man.sh $B update
## tidy: clang-tidy, gcc's analyzer and cppcheck
tidy: deps-tidy ; @tests/tidy.sh $(CODE) $(TESTDIRS) bench examples docs
## format: clang-format over everything
format: ; clang-format -i $(wildcard $(addsuffix /*.[ch],$(CODE) $(TESTDIRS) bench examples docs))
## install, uninstall: into PREFIX (/usr/local), below DESTDIR
install: all
install uninstall:
	@$(foreach v,DESTDIR PREFIX BINDIR LIBDIR INCLUDEDIR MANDIR UNITDIR VERSION,$v="$($v)") tests/install.sh $@ $B
## dist: a tar of what git has
dist: ; git archive --prefix=spillway-$(VERSION)/ -o spillway-$(VERSION).tar.gz HEAD
## clean: remove all that was built
clean: ; rm -rf build
## help: print this
help: ; @sed -n 's/^## /  /p' $(MAKEFILE_LIST)
.PHONY: $(PROOFS) $(DEPS) all deps check proof soak ci test house demo bench asan tsan cover fuzz protocol-tables completion man-pages tidy format install uninstall dist clean help
.DEFAULT_GOAL := all
-include $(shell find $B -name '*.d' 2>/dev/null)
