#!/bin/sh
# SPDX-License-Identifier: MIT
# install.sh install|uninstall BUILD: one list of files for both.
set -eu
what=$1 b=$2

# place MODE SOURCE TARGET
place() {
	if [ "$what" = uninstall ]; then
		rm -f "$DESTDIR$3"
	else
		mkdir -p "$(dirname "$DESTDIR$3")"
		sed_or_copy "$1" "$2" "$DESTDIR$3"
	fi
}

# Texts have @BINDIR@ and the like in them.
sed_or_copy() {
	case $2 in
	*.service | *.pc.in)
		sed -e "s|@BINDIR@|$BINDIR|g" -e "s|@PREFIX@|$PREFIX|g" \
			-e "s|@LIBDIR@|$LIBDIR|g" -e "s|@VERSION@|$VERSION|g" \
			-e "s|@INCLUDEDIR@|$INCLUDEDIR|g" "$2" >"$3"
		chmod "$1" "$3"
		;;
	*) install -m "$1" "$2" "$3" ;;
	esac
}

for p in spillway-broker spillway-repair spillway-worker spillway-spawner spillway spillway-report spillway-front spillway-isolate \
	spillway-job-email spillway-job-exec spillway-job-logs spillway-job-noop spillway-job-transcode spillway-job-webhook; do
	place 755 "$b/$p" "$BINDIR/$p"
done
for l in libspillway libspillway-job; do
	place 644 "$b/$l.a" "$LIBDIR/$l.a"
	place 755 "$b/$l.so.0" "$LIBDIR/$l.so.0"
done
place 644 jobs/spillway-job.h "$INCLUDEDIR/spillway-job.h"
place 644 jobs/spillway-job.pc.in "$LIBDIR/pkgconfig/spillway-job.pc"
place 644 producer/spillway.h "$INCLUDEDIR/spillway.h"
place 644 producer/spillway-handler.h "$INCLUDEDIR/spillway-handler.h"
place 644 producer/spillway.pc.in "$LIBDIR/pkgconfig/spillway.pc"
for m in docs/man/*.[1-8]; do
	place 644 "$m" "$MANDIR/man${m##*.}/$(basename "$m")"
done
place 644 docs/completion/spillway.bash "$PREFIX/share/bash-completion/completions/spillway"
place 644 docs/completion/spillway.zsh "$PREFIX/share/zsh/site-functions/_spillway"
place 644 docs/completion/spillway.fish "$PREFIX/share/fish/vendor_completions.d/spillway.fish"
for u in systemd/*.service systemd/*.socket; do
	place 644 "$u" "$UNITDIR/$(basename "$u")"
done
place 644 systemd/spillway.sysusers "$PREFIX/lib/sysusers.d/spillway.conf"
for c in broker front jobs nginx; do
	place 644 "examples/$c.conf" "$PREFIX/share/doc/spillway/$c.conf"
done
for l in libspillway libspillway-job; do
	if [ "$what" = install ]; then
		ln -sf "$l.so.0" "$DESTDIR$LIBDIR/$l.so"
	else
		rm -f "$DESTDIR$LIBDIR/$l.so"
	fi
done
