#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# One list of texts (tests/corpus/ini) is a configuration file of each daemon: the
# same line and the same status for whatever is wrong.  Each daemon's example is a
# file that it accepts, also with all its keys set.  Every program has --help and
# --version.
. "$(dirname "$0")/../lib/e2e_lib.sh"
modules "$root/examples/handlers/hello.c"
long=$(printf '%05000d' 0)

# check FILE COMMAND...: checks it; sets `status` and `said`.
check() {
	status=0
	said=$("${@:2}" "$1" --check-config 2>&1 >/dev/null) || status=$?
}

# fill TEXT: with the words of this daemon.
fill() {
	local t=$1
	t=${t//@OWN/$own} t=${t//@SUB/$sub} t=${t//@SECTION/$section}
	t=${t//@COUNT/$count} t=${t//@TIME/$time} t=${t//@SIZE/$size}
	printf %s "$t"
}

# texts COMMAND...: all of the list, for one daemon.
texts() {
	local line want text expected n=0
	while IFS= read -r line; do
		case $line in '#'*) continue ;; esac
		want=${line%% *} text=${line#* } expected=
		# A section with a name: of the programs that have any, and all of a job program.
		case $text in *@SUB*) [ -n "$sub" ] || continue ;; *) [ "$own" != transcode ] || continue ;; esac
		case $text in *' => '*) expected=$(fill "${text#* => }") text=${text%% => *} ;; esac
		text=$(fill "$text")
		printf '%b' "${text/@LONG/$long}$end" >"$dir/c.conf"
		check "$dir/c.conf" "$@"
		[ "$status" = "$want" ] || fail "$1: '$text': status $status, not $want: $said"
		if [ "$want" = 0 ]; then
			[ -z "$said" ] || fail "$1: '$text': $said"
		else
			case $said in
			"$1: $dir/c.conf$expected"*) ;;
			*) fail "$1: '$text': '$said', not '$expected'" ;;
			esac
			[ "$(wc -l <<<"$said")" = 1 ] || fail "$1: '$text': more than one line: $said"
		fi
		n=$((n + 1))
	done <"$root/tests/corpus/ini/texts"
	[ "$n" -ge "${least:-40}" ] || fail "only $n texts"
	total=$((${total:-0} + n))
}

# example SED COMMAND...: as it is printed, and with every key that has a value.
example() {
	"$2" --example >"$dir/e.conf"
	sed -e "$1" "$dir/e.conf" >"$dir/c.conf"
	check "$dir/c.conf" "${@:2}"
	[ "$status" = 0 ] || fail "$2: its example: $said"
	sed -e "$1" -e 's/^#\([a-z_]* = \)/\1/' -e 's/^#\[\([a-z]*\) NAME\]/[\1 mine]/' "$dir/e.conf" >"$dir/c.conf"
	[ "$(grep -c '^[a-z_]* = ' "$dir/c.conf")" -gt 2 ] || fail "$2: an example without keys"
	check "$dir/c.conf" "${@:2}"
	[ "$status" = 0 ] || fail "$2: its whole example: $said"
}

own=broker sub='queue q' section='queue q' count=max_attempts time=timeout_ms size=map_size end=
texts spillway-broker --config
example '' spillway-broker --config

own=worker sub= section=worker count=slots time=grace size=memory end=
texts spillway-worker --jobs
example '' spillway-worker --jobs

# The worker's file has sections of job programs, which read their own alone.
own=transcode sub='transcode hls' section=transcode
least=4 texts spillway-job-transcode --jobs

# A front must have a route, which is behind what the text says.
own=front sub='route /a' section=front count=max_connections time=put_ms size=memory
end="\n[route /end]\nmodule = $dir/hello.so\n"
texts spillway-front --config
example "s|^#\[route PATH\]|[route /hello]|; s|^#module =|module = $dir/hello.so|" spillway-front --config

# The command line: the same words, with the option's name, and another status.
for p in spillway-broker spillway-worker spillway-front; do
	refused 64 "^$p: --verbose is 'maybe': must be yes or no$" $p --verbose=maybe
	refused 64 "^$p: --colour: unknown option$" $p --colour
	refused 64 "^$p: --colour=red: unknown option$" $p --colour=red
	refused 64 "^$p: --check-config: cannot be used together with --example$" $p --example --check-config
	refused 64 "^$p: word: unexpected argument$" $p word
	refused 64 "^$p: --help=x: |^$p: --help: unexpected argument$" $p --help=x
	"$p" --help >"$dir/said"
	grep -q -- --check-config "$dir/said" || fail "$p --help"
done

# A limit on memory in which no job can start is refused.
refused 64 "--memory is '1m': must be a size, at least 4m$" spillway-worker --memory 1m --check-config
printf '[queue q]\nmemory_limit = 1\n' >"$dir/c.conf"
refused 78 "memory_limit is '1': must be 0 or a size, at least 4m$" spillway-broker --config "$dir/c.conf" --check-config

# Every program that is installed says its usage and its version.
programs=$(sed -n 's/^PROGRAMS := $(addprefix $B\/,\(spillway.*\))$/\1/p' "$root/Makefile")
[ -n "$programs" ] || fail "the Makefile names no programs"
for p in $programs; do
	"$p" --help >"$dir/said" 2>"$dir/err" || fail "$p --help"
	grep -q "^usage: $p" "$dir/said" || fail "$p --help: $(cat "$dir/said")"
	"$p" --version >"$dir/said" 2>>"$dir/err" || fail "$p --version"
	grep -q "^$p [0-9]" "$dir/said" || fail "$p --version: $(cat "$dir/said")"
	[ ! -s "$dir/err" ] || fail "$p: $(cat "$dir/err")"
	for o in --help --version; do
		! "$p" $o >/dev/full 2>/dev/null || fail "$p $o to a full disk"
	done
done
refused 64 "^spillway-isolate: only spillway-front starts this program$" spillway-isolate
refused 64 "^spillway-spawner: only spillway-worker starts this program$" spillway-spawner
refused 64 "^spillway-isolate: word: unexpected argument$" spillway-isolate word
refused 64 "^spillway-broker: --check-config: cannot be used together with --mend$" \
	spillway-broker --mend --data /x --check-config
refused 64 "^spillway-broker: --data is '': must name a folder$" spillway-broker --data '' --check-config
refused 64 "^spillway-repair: --data is '': must name a folder$" spillway-repair --data ''
refused 64 "^spillway-broker: --map-size: missing argument$" spillway-broker --map-size
refused 64 "^spillway-worker: --slots is '1025': must be 1 to 1024$" spillway-worker --slots 1025
refused 64 "^spillway-front: --put-ms is 'soon': must be a duration, 1ms to 10m$" spillway-front --put-ms soon
echo "$total texts, each with the same line for every daemon"
