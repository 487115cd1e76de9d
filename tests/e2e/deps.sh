#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# tests/deps.list by deps.py; what tests/deps.sh says, with an apt-get and a dpkg-query
# of this test's own; and plain make where a header is missing.
set -euo pipefail
b=${SPILLWAY_BIN:?"must be the build folder"}
dir=$(mktemp -d "${TMPDIR:-/tmp}/spillway-e2e.XXXXXX")
trap 'rm -rf "$dir"' EXIT
fail() {
	echo "FAILED: $1"
	[ ! -e "$dir/said" ] || cat "$dir/said"
	exit 1
}
unset MAKEFLAGS MFLAGS MAKELEVEL CC CPPFLAGS
tests/e2e/deps.py "$b" "$dir"

# stub NAME: a command that tests/deps.sh finds instead of the system's; reads it.
mkdir "$dir/bin"
export dir
stub() {
	{ echo '#!/bin/sh' && cat; } >"$dir/bin/$1"
	chmod +x "$dir/bin/$1"
}
for c in awk cat cut dirname env grep sh; do ln -s "$(command -v $c)" "$dir/bin/$c"; done
stub id <<<'echo "$uid"'
stub dpkg-query <<'C'
case "$*" in
*db:Status*) cat "$dir/installed" ;;
*libcurl4 | *libzmq5) exit 1 ;;
*) echo "install ok installed" ;;
esac
C
stub apt-get <<'C'
echo "$@" >>"$dir/calls"
case "$*" in
*print-uris*)
	echo "0 upgraded, 2 newly installed, 0 to remove and 7 not upgraded."
	echo "Need to get 1234 kB of archives."
	echo "After this operation, 4321 kB of additional disk space will be used."
	;;
*' install '*)
	printf 'ii 2000\nii 2200\n' >>"$dir/installed"
	[ ! -e "$dir/broken" ]
	;;
esac
C

# says STATUS UID SET LINE...: all that tests/deps.sh prints.
says() {
	local status=0 want=$1 set=$3
	uid=$2
	export uid
	shift 3
	echo "ii 100" >"$dir/installed"
	: >"$dir/calls"
	PATH=$dir/bin tests/deps.sh "$set" >"$dir/said" 2>&1 || status=$?
	printf '%s\n' "$@" >"$dir/want"
	[ $# -gt 0 ] || : >"$dir/want"
	diff "$dir/want" "$dir/said" || fail "deps.sh $set as $uid"
	[ "$status" = "$want" ] || fail "deps.sh $set as $uid: status $status, not $want"
}
before="deps: installs libcurl4 libzmq5: 2 packages, 1234 kB to download, 4321 kB on disk"
says 0 1000 transcode
says 1 1000 run "deps: there is neither root nor sudo; missing: libcurl4 libzmq5; as root: make deps-run"
[ ! -s "$dir/calls" ] || fail "apt-get was called"
says 1 1000 test "deps: there is neither root nor sudo; missing: libcurl4 libzmq5; as root: make deps-test"
says 0 0 run "$before" "deps: installed 2 packages, 4 MB"
grep -q -- '--no-install-recommends install -qq libcurl4 libzmq5$' "$dir/calls" || fail "$(cat "$dir/calls")"
stub sudo <<<'echo sudo "$1" >>"$dir/calls"; exec "$@"'
says 0 1000 run "$before" "deps: installed 2 packages, 4 MB"
[ "$(grep -c '^sudo env' "$dir/calls")" = 3 ] || fail "not through sudo: $(cat "$dir/calls")"
touch "$dir/broken"
says 1 0 run "$before" "deps: apt-get could not install them; missing: libcurl4 libzmq5; as root: make deps-run"
says 1 0 cellar "deps: tests/deps.list has no set cellar"

# Without a header plain make ends with a line about it, and has compiled nothing.
build() { make -s B="$dir/build" "$@" "$dir/build/base/text.o" >"$dir/said" 2>&1; }
sed 's,^build	libzmq3-dev.*,&\nbuild	libnowhere-dev	nowhere/at/all.h,' tests/deps.list >"$dir/list"
! DEPS_LIST=$dir/list build || fail "make passed"
grep -qxE 'Makefile:[0-9]+: \*\*\* missing: libnowhere-dev; run make deps-build\.  Stop\.' "$dir/said" ||
	fail "make named nothing"
[ "$(wc -l <"$dir/said")" = 1 ] || fail "make said more than a line"
! build CC=nowhere-cc || fail "make passed without a compiler"
grep -q 'missing: nowhere-cc; run make deps-build' "$dir/said" || fail "make named no compiler"
for cc in false true cat; do
	status=0
	CC=$cc tests/deps.sh --missing build >"$dir/said" 2>"$dir/why" || status=$?
	[ "$status" = 1 ] || fail "deps.sh --missing with CC=$cc: status $status, not 1"
	[ ! -s "$dir/said" ] || fail "deps.sh --missing with CC=$cc named packages"
	grep -qx "deps: $cc cannot preprocess" "$dir/why" || fail "CC=$cc: $(cat "$dir/why")"
done
! build CC=false || fail "make passed with a compiler that fails"
grep -q 'deps: false cannot preprocess' "$dir/said" || fail "make said nothing of CC=false"
[ -z "$(find "$dir" -name '*.o')" ] || fail "make compiled"
build || fail "make"
[ -e "$dir/build/base/text.o" ] || fail "make compiled nothing"
