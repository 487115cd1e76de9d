#!/bin/sh
# SPDX-License-Identifier: MIT
# record_kept.sh TREE NAME: has the worker and the kit of a built tree of any
# version run kept_job.h, and keeps what each of them said to the other as
# NAME.worker and NAME.process beside this script; test_golden_kept.c has them
# talk to those of this version.
set -eu
tree=$(cd "$1" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
dir=$(mktemp -d)
broker='' worker=''
quit() {
	for pid in $broker $worker; do kill -9 "$pid" 2>/dev/null || :; done
	rm -rf "$dir"
}
trap quit EXIT
export SPILLWAY_BROKER="ipc://$dir/sock" NO_COLOR=1 PATH="$tree/build/release:$PATH"

cat >"$dir/main.c" <<'END'
#include "kept_job.h"
int
main(void)
{
	return spillway_job_run(golden_kept_job, NULL);
}
END
cc -I"$here" -I"$tree" -o "$dir/job" "$dir/main.c" "$tree/build/release/libspillway-job.a"

# Stands between the worker and the job, and writes down what passes.
cat >"$dir/between.py" <<'END'
import os, selectors, socket, sys
job, name = sys.argv[1:]
worker, (ours, its) = socket.socket(fileno=3), socket.socketpair()
if os.fork() == 0:
    ours.close()
    os.dup2(its.fileno(), 3)
    os.execv(job, [job])
its.close()
files = {worker: open(name + ".worker", "wb"), ours: open(name + ".process", "wb")}
other = {worker: ours, ours: worker}
sel = selectors.DefaultSelector()
for s in files:
    sel.register(s, selectors.EVENT_READ)
while True:
    for key, _ in sel.select():
        data = key.fileobj.recv(1 << 20)
        if not data:
            sys.exit()
        files[key.fileobj].write(data)
        files[key.fileobj].flush()
        other[key.fileobj].sendall(data)
END

spillway-broker --data "$dir/data" --listen "$SPILLWAY_BROKER" 2>"$dir/log" &
broker=$!
until spillway stats >/dev/null 2>&1; do :; done
spillway queue set mail backoff_ms=25920000000 backoff_cap_ms=25920000000
for letter in A B C D E F; do
	id=$(printf '%02x000000-0000-0000-0000-000000000000' "'$letter")
	spillway put mail "$letter" --id "$id" --header a=1 --header b= --content-type text/plain \
		--max-attempts 5 --timeout 30s >"$dir/out"
done
spillway-worker --slots 1 --queue "mail=keep:python3 $dir/between.py $dir/job $dir/kept" 2>"$dir/worker.log" &
worker=$!
until [ "$(grep -a -o -E '(done|retry|fail) [0-9a-f]{8}-' "$dir/kept.process" | wc -l)" = 6 ]; do sleep 0.1; done 2>/dev/null
kill "$worker"
wait "$worker" || :
mv "$dir/kept.worker" "$here/$2.worker"
mv "$dir/kept.process" "$here/$2.process"
ls -l "$here/$2".*
