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

# The other job programs: their own sections, and those of none, by file and line.
for own in email logs noop webhook; do
	printf '[none]\n[%s]\n# a comment\ncolour = red\n' "$own" >"$dir/c.conf"
	refused 78 "^spillway-job-$own: $dir/c.conf:4: unknown key 'colour' in \[$own\]$" \
		"spillway-job-$own" --jobs "$dir/c.conf" --check-config
	sed -i 2,4d "$dir/c.conf"
	case $own in
	email) printf '[email]\nserver = localhost\n' ;;
	webhook) printf '[webhook]\nany_url = yes\nunsigned = yes\n' ;;
	esac >>"$dir/c.conf"
	check "$dir/c.conf" "spillway-job-$own" --jobs
	[ "$status$said" = 0 ] || fail "$own: $status: $said"
done

# unusable STATUS PATTERN COMMAND...: a check says so, and a start ends too.
unusable() {
	local status=0
	refused "$1" "$2" "${@:3}" --check-config
	bounded "${@:3}" >"$dir/said" 2>&1 || status=$?
	case $status in 0 | 124) fail "it started: ${*:3}: $(cat "$dir/said")" ;; esac
}

# unusable_in STATUS PATTERN TEXT COMMAND...: of a file with that text.
unusable_in() {
	printf "$3" >"$dir/c.conf"
	unusable "$1" "^$4: $dir/c.conf:$2" "${@:4}" "$dir/c.conf"
}

# What a start would refuse, but for what may pass: a port or a store in use.
none="$dir/none/none" there="No such file or directory"
: >"$dir/file"
broker=(spillway-broker --listen "ipc://$dir/b.sock")
unusable 64 "^spillway-broker: --data is '$none': $there$" "${broker[@]}" --data "$none"
unusable 64 "^spillway-broker: --data is '$dir/file': Not a directory$" "${broker[@]}" --data "$dir/file"
unusable 64 "--data is '/0*[.]*': File name too long$" "${broker[@]}" --data "/${long:0:300}"
broker=(spillway-broker --data "$dir/new")
unusable 64 "--listen is 'ipc://$none/b.sock': $dir/none/none: $there$" "${broker[@]}" --listen "ipc://$none/b.sock"
unusable 64 "--listen is 'ipc://$dir/file': $dir/file: the file is no socket" "${broker[@]}" --listen "ipc://$dir/file"
unusable 64 "--listen is 'ipc://$dir/file/b.sock': $dir/file: Not a directory$" \
	"${broker[@]}" --listen "ipc://$dir/file/b.sock"
unusable_in 78 "2: data is '$none': $there$" "[broker]\ndata = $none\n" spillway-broker --config
unusable_in 78 "3: listen is 'ipc://$none/b': $dir/none/none: $there$" \
	"[broker]\ndata = $dir/new\nlisten = ipc://$none/b\n" spillway-broker --config
unusable 78 "^spillway-broker: $dir/none: $there$" spillway-broker --config "$dir/none"
[ ! -e "$dir/none" ] || fail "a check has made $dir/none"

route="[route /]\nmodule = $dir/hello.so\n"
at="listen = unix:$dir/f.sock"
unusable_in 78 "3: access_log is '$none': $there$" "[front]\n$at\naccess_log = $none\n$route" spillway-front --config
unusable_in 78 "3: access_log is '$dir': Is a directory$" "[front]\n$at\naccess_log = $dir\n$route" spillway-front --config
unusable_in 78 "2: listen is 'unix:$none': $there$" "[front]\nlisten = unix:$none\n$route" spillway-front --config
unusable_in 78 "3: stats is 'unix:$dir/file': Address already in use$" \
	"[front]\n$at\nstats = unix:$dir/file\n$route" spillway-front --config
printf "[front]\n$at\n$route" >"$dir/c.conf"
unusable 64 "^spillway-front: --access-log is '$none': $there$" spillway-front --config "$dir/c.conf" --access-log "$none"
unusable 64 "^spillway-worker: .TMPDIR: $none: $there$" \
	env TMPDIR="$none" spillway-worker --queue q=exec:true --broker "ipc://$dir/b.sock"
unusable 64 "^spillway-worker: .TMPDIR: $dir/file: Not a directory$" \
	env TMPDIR="$dir/file" spillway-worker --queue q=exec:true --broker "ipc://$dir/b.sock"

# What is in use is none of that: the check of a file beside the broker that has it.
printf '[broker]\ndata = %s\nlisten = %s\n' "$dir/data" "$SPILLWAY_BROKER" >"$dir/c.conf"
check "$dir/c.conf" spillway-broker --config
[ "$status$said" = 0 ] || fail "before a start: $said"
broker_start
check "$dir/c.conf" spillway-broker --config
[ "$status$said" = 0 ] || fail "beside a broker: $said"
kill "$broker" && wait "$broker"

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
	[ "$p" = spillway ] && use=2 || use=64 # what scripts rely on
	refused "$use" "^$p: .*--colour" "$p" --colour
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
