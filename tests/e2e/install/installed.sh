#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# make install into a folder of this test's own: all that there is, where it belongs;
# a program that is linked by pkg-config runs, and a first job is done by what was
# installed alone; make uninstall leaves nothing.
. "$(dirname "$0")/../../lib/e2e_lib.sh"
unset MAKEFLAGS MFLAGS MAKELEVEL
share=$dir/p/share
export PKG_CONFIG_PATH=$dir/p/lib/pkgconfig

# make_it TARGET VARIABLE...: as a user calls it; the build is there already.
make_it() { make -s -C "$root" -o all B="$b" "$@" >"$dir/said" 2>&1 || fail "make $*: $(cat "$dir/said")"; }

(umask 077 && make_it install PREFIX="$dir/p") || exit 1
closed=$(find "$dir/p" ! -type l ! -perm -go=r)
[ -z "$closed" ] || fail "not for all users: $closed"
[ ! -s "$dir/said" ] || fail "$(cat "$dir/said")"
for p in $(sed -n 's/^PROGRAMS := $(addprefix $B\/,\(spillway.*\))$/\1/p' "$root/Makefile"); do
	"$dir/p/bin/$p" --version >/dev/null || fail "$p"
done
for m in "$root"/docs/man/*.[1-8]; do
	cmp "$m" "$dir/p/share/man/man${m##*.}/${m##*/}" || fail "$m"
done

# Each file that a unit or a manual page names below /etc/spillway has an example.
grep -oh '/etc/spillway/[a-z]*\.[a-z][a-z]*' "$root"/systemd/*.service "$root"/docs/man/*.8 | sed 's|.*/||' |
	sort -u >"$dir/named"
grep -q worker.env "$dir/named" || fail "$(cat "$dir/named")"
while read -r f; do
	[ -s "$share/doc/spillway/$f" ] || fail "no example of $f is installed"
done <"$dir/named"

# What the units start is there, and the examples of their options are accepted.
for u in "$dir"/p/lib/systemd/system/*.service; do
	program=$(sed -n 's/^ExecStart=\([^ ]*\).*/\1/p' "$u")
	[ -x "$program" ] || fail "$u: '$program'"
done
for d in broker worker; do
	args=$(sed -n "s|^${d^^}_ARGS=||p" "$share/doc/spillway/$d.env")
	# shellcheck disable=SC2086 # words
	(cd "$share/doc/spillway" && "$dir/p/bin/spillway-$d" ${args//\/etc\/spillway\//} --check-config) || fail "$d.env"
done

# Linked by pkg-config: with the shared library, and with the archive alone.
case $b in *asan) sanitize=-fsanitize=address,undefined ;; *) sanitize= ;; esac
# linked LIBRARY SOURCE OPTION...: a program that runs without being told where.
linked() {
	# shellcheck disable=SC2046,SC2086 # options
	${CC:-cc} $sanitize -o "$dir/program" "$2" $(pkg-config --cflags "${@:3}" --libs "$1") ||
		fail "$1 ${*:3} does not link"
}
sed -n '/^ \*\t#include/,/^ \*\t}$/p; /^ \*\tint$/,/^ \*\t}$/p' "$root/jobs/spillway-job.h" | sed 's/^ \*//' >"$dir/shout.c"
runs() {
	linked spillway "$root/examples/put.c" "$@"
	env -u LD_LIBRARY_PATH "$dir/program" >"$dir/said" 2>&1 </dev/null || :
	! grep -q 'error while loading' "$dir/said" || fail "$(cat "$dir/said")"
	linked spillway-job "$dir/shout.c" "$@"
	status=0
	env -u LD_LIBRARY_PATH "$dir/program" 2>"$dir/said" || status=$?
	[ "$status" = 64 ] || fail "the kit's program: $status $(cat "$dir/said")"
}
runs
runs --static
mkdir "$dir/away"
mv "$dir"/p/lib/*.so* "$dir/away"
runs --static
mv "$dir"/away/* "$dir/p/lib"

# A first job by what was installed, and by a program that was linked with it.
linked spillway "$root/examples/put.c"
PATH=$dir/p/bin:/usr/bin:/bin
broker_start
worker_start w --queue hello=noop
spillway wait "$("$dir/program" hello x | grep -o '[0-9a-f-]\{36\}')" --timeout "${DEADLINE_S}s" >/dev/null
[ "$(readlink "/proc/$worker/exe")" = "$dir/p/bin/spillway-worker" ] || fail "another worker"
kill "$worker" && wait "$worker"
kill "$broker" && wait "$broker"

make_it uninstall PREFIX="$dir/p"
left=$(find "$dir/p" ! -type d)
[ -z "$left" ] || fail "left by uninstall: $left"
[ ! -e "$share/doc/spillway" ] || fail "left by uninstall: its folder of documents"

# Where the loader looks by itself no program is told where the library is; its
# cache is renewed by root, and not below DESTDIR.
mkdir "$dir/stubs"
printf '#!/bin/sh\ncase $1 in -N) echo "%s/known/lib: (from somewhere)" ;; *) echo renewed >>%s/calls ;; esac\n' \
	"$dir" "$dir" >"$dir/stubs/ldconfig"
printf '#!/bin/sh\necho $user\n' >"$dir/stubs/id"
chmod +x "$dir/stubs/ldconfig" "$dir/stubs/id"
export PATH=$dir/stubs:$PATH user=0
mkdir -p "$dir/known/lib"
: >"$dir/calls"
make_it install PREFIX="$dir/known"
[ "$(cat "$dir/calls")" = renewed ] || fail "ldconfig: $(cat "$dir/calls")"
! grep -q rpath "$dir/known/lib/pkgconfig/spillway.pc" || fail "told where the library is"
user=1000 make_it install PREFIX="$dir/known"
grep -q "run 'ldconfig' as root" "$dir/said" || fail "$(cat "$dir/said")"
make_it install PREFIX="$dir/known" DESTDIR="$dir/staged"
make_it install PREFIX="$dir/unknown"
grep -q -- "-Wl,-rpath,\${libdir}" "$dir/unknown/lib/pkgconfig/spillway-job.pc" || fail "not told where"
[ "$(cat "$dir/calls")" = renewed ] || fail "ldconfig: $(cat "$dir/calls")"
echo "install: what is linked runs, and uninstall leaves nothing"
