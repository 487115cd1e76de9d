#!/bin/bash
# SPDX-License-Identifier: MIT
# The clients of examples/ against the real broker, which is killed with -9 in
# the middle.  Node's package is looked for in NODE_PACKAGES,
# build/node and here: npm install --prefix build/node zeromq
set -euo pipefail
bin=${SPILLWAY_BIN:?"must be the build folder"}
top=$PWD
dir=$(mktemp -d)
broker=
worker=
deadline=${DEADLINE_S:-120}
finish() {
	[ -z "$worker" ] || kill "$worker" 2>/dev/null || :
	[ -z "$broker" ] || kill "$broker" 2>/dev/null || :
	wait
	rm -rf "$dir"
}
trap finish EXIT
export PYTHONDONTWRITEBYTECODE=1
export SPILLWAY_BROKER=ipc://$dir/b.sock

broker_start() {
	mkfifo "$dir/ready"
	"$bin/spillway-broker" --data "$dir/data" --listen "$SPILLWAY_BROKER" \
		--map-size 256m --force 2> >(tee -a "$dir/log" >"$dir/ready") &
	broker=$!
	grep -q ev=ready "$dir/ready" || { cat "$dir/log"; exit 1; }
	rm "$dir/ready"
}

# expect WHAT WANT GOT
expect() {
	case $3 in
	*"$2"*) echo "ok: $1" ;;
	*)
		echo "FAILED: $1: '$2' is not in '$3'"
		cat "$dir/log"
		exit 1
		;;
	esac
}

# client COMMAND...: the same story for each
client() {
	local id
	timeout "$deadline" "$@" work "$queue" 2 &
	worker=$!
	id=$(timeout "$deadline" "$@" put "$queue" "hello $queue")
	expect "$queue: a job is put, run and waited for" "HELLO ${queue^^}" \
		"$(timeout "$deadline" "$@" wait "$id")"

	kill -9 "$broker"
	wait "$broker" 2>/dev/null || :
	broker_start
	id=$(timeout "$deadline" "$@" put "$queue" "again $queue")
	expect "$queue: so is one after the broker was killed" \
		"AGAIN ${queue^^}" "$(timeout "$deadline" "$@" wait "$id")"
	wait "$worker"
	worker=
	expect "$queue: get tells the state" state=4 "$(timeout "$deadline" "$@" get "$id")"
	expect "$queue: an unknown job is an error" "-5001" \
		"$(timeout "$deadline" "$@" get 017f22e2-79b0-7cc3-98c4-dc0c0c07398f 2>&1 || :)"
}

found=
for python in ${PYTHON:-python3 /usr/bin/python3}; do
	"$python" -c 'import zmq' 2>/dev/null || continue
	found=y queue=python
	broker_start
	client "$python" examples/spillway.py
	expect "python: a permanent failure is found among the dead" "no such user" \
		"$(cd examples && timeout "$deadline" "$python" -c '
import spillway
def refuse(job):
	raise spillway.Permanent("no such user")
sw = spillway.Spillway()
sw.put("python-dead", b"x")
sw.work(["python-dead"], refuse, 1)
print([job["error"] for job in sw.dead("python-dead")])')"
	# Nothing but a message or the end of a job wakes the client in a job's way.
	expect "python: no interval is between two jobs" "200 jobs without a pause" \
		"$(cd examples && timeout "$deadline" "$python" -c '
import spillway, time, zmq
waited = 0
def poll(self, *args, poll=zmq.Poller.poll):
	global waited
	events = poll(self, *args)
	waited += not events
	return events
zmq.Poller.poll = poll
time.sleep = None
sw = spillway.Spillway()
for n in range(200):
	sw.put("python-fast", b"%d" % n)
done = []
sw.work(["python-fast"], lambda job: done.append(job["body"]), 200)
assert sorted(map(int, done)) == list(range(200)), done
print(f"{len(done)} jobs", "without a pause" if waited < 50 else f"with {waited} pauses")')"
	# Jobs that were leased ahead do not wait behind a long one: they go back.
	expect "python: another client runs what is behind a long job" "all are done" \
		"$(cd examples && timeout "$deadline" "$python" -c '
import os, spillway, threading
long, over = threading.Event(), threading.Event()
def one(job):
	if job["body"] == b"long":
		long.set()
		over.wait()
sw = spillway.Spillway()
ids = [sw.put("python-long", body) for body in [b"short"] * 40 + [b"long"] + [b"behind"] * 5]
threading.Thread(target=spillway.Spillway().work, args=(["python-long"], one), daemon=True).start()
assert long.wait(100)
spillway.Spillway().work(["python-long"], lambda job: job["body"] == b"behind" or 1 / 0, 5)
over.set()
assert {sw.wait(id)["state"] for id in ids} == {4}
print("all are done", flush=True)
os._exit(0)')"
	kill "$broker"
	wait "$broker" || :
	broker=
	break
done
[ -n "$found" ] || { echo "FAILED: python has no zmq (Debian: python3-zmq)"; exit 1; }

[ -d build/node/node_modules/zeromq ] || ! command -v npm >/dev/null ||
	timeout 120 npm install --prefix build/node --no-audit --no-fund --silent zeromq@6 >/dev/null 2>&1 || :
for packages in ${NODE_PACKAGES:-} build/node .; do
	[ -d "$packages/node_modules/zeromq" ] && command -v node >/dev/null || continue
	found=n queue=node
	mkdir "$dir/node"
	cp examples/spillway.mjs "$dir/node"
	ln -s "$(cd "$packages" && pwd)/node_modules" "$dir/node"
	broker_start
	cd "$dir/node"
	client node spillway.mjs
	expect "node: a permanent failure is found among the dead" "no such user" \
		"$(timeout "$deadline" node --input-type=module -e '
import { Spillway, Permanent } from "./spillway.mjs";
const sw = new Spillway();
await sw.put("node-dead", "x");
await sw.work(["node-dead"], () => { throw new Permanent("no such user"); }, 1);
for await (const job of sw.dead("node-dead")) console.log(String(job.error));
sw.sock.close();')"
	expect "node: no interval is between two jobs" "200 jobs without a pause" \
		"$(timeout "$deadline" node --input-type=module -e '
import { Spillway } from "./spillway.mjs";
let fired = 0, done = 0;
const after = globalThis.setTimeout;
globalThis.setTimeout = (f, ms) => after(() => { fired++; f(); }, ms);
const sw = new Spillway();
for (let n = 0; n < 200; n++) await sw.put("node-fast", "x");
await sw.work(["node-fast"], () => { done++; }, 200);
console.log(done, "jobs", fired < 50 ? "without a pause" : `with ${fired} pauses`);
sw.sock.close();')"
	cd "$top"
	break
done
for f in examples/spillway.py examples/spillway.mjs; do
	[ "$(wc -l <"$f")" -le 210 ] || { echo "FAILED: $f has more than 210 lines"; exit 1; }
done
if [ "$found" = n ]; then echo "in Python and in Node"; else echo "skipped: node: it has no zeromq here"; fi
