#!/bin/sh
# SPDX-License-Identifier: MIT
# install.sh install|uninstall BUILD: one list of files for both.
set -eu
umask 022 # the folders are for all users, whatever root's own is
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

# loader_knows FOLDER: whether programs find libraries there without being told.
loader_knows() {
	PATH=$PATH:/usr/sbin:/sbin ldconfig -N -X -v 2>/dev/null | sed -n 's|^\(/[^:]*\):.*|\1|p' |
		while read -r known; do readlink -f "$known" || :; done | grep -Fxq "$(readlink -m "$1")"
}

# Elsewhere a program that is linked with a library is told where it is.
rpath=
loader_knows "$LIBDIR" || rpath=" -Wl,-rpath,\${libdir}"

# Texts have @BINDIR@ and the like in them.
sed_or_copy() {
	case $2 in
	*.service | *.pc.in)
		sed -e "s|@BINDIR@|$BINDIR|g" -e "s|@PREFIX@|$PREFIX|g" \
			-e "s|@LIBDIR@|$LIBDIR|g" -e "s|@VERSION@|$VERSION|g" \
			-e "s|@INCLUDEDIR@|$INCLUDEDIR|g" -e "s|@RPATH@|$rpath|g" "$2" >"$3"
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
for c in broker.conf front.conf jobs.conf nginx.conf broker.env worker.env; do
	place 644 "examples/$c" "$PREFIX/share/doc/spillway/$c"
done
for l in libspillway libspillway-job; do
	if [ "$what" = install ]; then
		ln -sf "$l.so.0" "$DESTDIR$LIBDIR/$l.so"
	else
		rm -f "$DESTDIR$LIBDIR/$l.so"
	fi
done
[ "$what" = install ] || rmdir "$DESTDIR$PREFIX/share/doc/spillway" 2>/dev/null || :

# The loader finds what is new by its cache, which a package's scripts renew.
if [ -z "$DESTDIR" ] && [ -z "$rpath" ]; then
	if [ "$(id -u)" = 0 ]; then
		PATH=$PATH:/usr/sbin:/sbin ldconfig
	else
		echo "run 'ldconfig' as root: programs then find libspillway in $LIBDIR"
	fi
fi
