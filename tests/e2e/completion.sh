#!/bin/bash
# SPDX-License-Identifier: MIT
# The scripts are what the command prints; they are installed where shells look
# for them, and each shell completes lines with its own, on a terminal.
. "$(dirname "$0")/../lib/e2e_lib.sh"
broker_start
spillway queue set nightly-reports rate=0
echo x >"$dir/unusual.txt"
made=$root/docs/completion
share=$dir/installed/usr/share

# install WHAT: as `make WHAT` calls it, below a folder of its own.
install_run() {
	(cd "$root" && DESTDIR=$dir/installed PREFIX=/usr BINDIR=/usr/bin LIBDIR=/usr/lib INCLUDEDIR=/usr/include \
		MANDIR=/usr/share/man UNITDIR=/usr/lib/systemd/system VERSION=0 tests/install.sh "$1" "$b")
}

[ "$(spillway help --bash | md5sum)" = "$(spillway completion bash | md5sum)" ] || fail "help --bash"
install_run install
ran=
# completes SHELL INSTALLED: the script, and what the shell makes of lines.
completes() {
	local script=$share/$2
	spillway completion "$1" | diff "$made/spillway.$1" - || fail "spillway.$1 is not what the tables make"
	diff "$made/spillway.$1" "$script" || fail "$script"
	command -v "$1" >/dev/null || fail "there is no $1"
	"$1" -n "$script" || fail "$script: $1 does not read it"
	timeout 300 python3 "$root/tests/e2e/completion.py" "$1" "$script" "$dir/unusual.txt" || fail "$1"
	ran+=" $1"
}
completes bash bash-completion/completions/spillway
completes zsh zsh/site-functions/_spillway
completes fish fish/vendor_completions.d/spillway.fish
install_run uninstall
[ -z "$(find "$dir/installed" -type f)" ] || fail "left by uninstall: $(find "$dir/installed" -type f)"
echo "lines completed by$ran"
