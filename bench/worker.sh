#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# worker.sh BUILD: jobs a second of one worker, by what runs them; medians of ROUNDS (3).
#	exec:true at 4 slots, beside a loop that only starts and reaps as many
#	processes at a time, in the same round; and the worker's own CPU
#	no-op jobs of a kept process, at 8, 64 and 512 slots
#	a kept process in Python, beside a Python for each job
#	examples/spillway.py, a client that takes jobs
# BENCH_S=2 seconds of the bare loop; BENCH_JOBS_N=100000 jobs of the fast rows (of 20,000 the
# first ones of 512 processes would show), a fiftieth of the slow ones.
b=$(cd "$1" && pwd)
TMPDIR=$b SPILLWAY_BIN=$b
export SPILLWAY_BIN
. "$(dirname "$0")/../tests/lib/e2e_lib.sh"
unset TMPDIR # the data are on the disk of the build folder, the jobs' folders where they are
: "${ROUNDS:=3}" "${BENCH_S:=2}" "${BENCH_JOBS_N:=100000}"
python=${PYTHON:-/usr/bin/python3}
true=$(command -v true)
[ -x "$true" ] || true=/bin/true
cc -O2 -o "$dir/spawn" "$root/bench/spawn/spawn.c"
fast=$BENCH_JOBS_N slow=$((BENCH_JOBS_N / 50))

# cpu_ns PID: that its threads have used, without its children.
cpu_ns() { cat "/proc/$1/task/"*/schedstat | awk '{ n += $1 } END { printf "%d\n", n }'; }

# spawner_of PID: the process that starts its jobs, or nothing.
spawner_of() {
	local p
	for p in $(cat "/proc/$1/task/"*/children); do
		case $(cat "/proc/$p/comm" 2>/dev/null) in spillway-spawne*) echo "$p" ;; esac
	done
}

# jobs_put QUEUE N: sets `last` to the id of the last one; nothing runs yet.
jobs_put() {
	seq -w "$2" >"$dir/lines"
	spillway queue set "$1" paused=yes
	spillway put "$1" --lines "$dir/lines" --chunk "$(head -n 1 "$dir/lines" | wc -c)" >/dev/null
	last=$(spillway put "$1" last)
}

# rate N NS: jobs a second.
rate() { echo $(($1 * 1000000000 / $2)); }

# run ROW N JOB SLOTS: N jobs by a worker of their own, which has run a quarter as many before;
# a line in $dir/ROW: jobs/s, and microseconds of CPU a job of the worker and of its spawner.
run() {
	local row=$1 n=$2 queue from ns own spawner before=0 after=0
	queue=q$((++queues))
	jobs_put $queue $((n / 4))
	: >"$dir/$queue.log"
	worker_start $queue --slots "$4" --queue "$queue=$3"
	until_true grep -q ev=joined "$dir/$queue.log"
	spillway queue set $queue paused=no
	spillway wait "$last" >/dev/null
	jobs_put $queue "$n"
	spawner=$(spawner_of "$worker")
	own=$(cpu_ns "$worker")
	[ -z "$spawner" ] || before=$(cpu_ns "$spawner")
	from=$(date +%s%N)
	spillway queue set $queue paused=no
	spillway wait "$last" >/dev/null
	ns=$(($(date +%s%N) - from))
	own=$(($(cpu_ns "$worker") - own))
	[ -z "$spawner" ] || after=$(cpu_ns "$spawner")
	echo "$(rate "$n" $ns) $((own / n / 1000)) $(((after - before) / n / 1000))" >>"$dir/$row"
	kill -TERM "$worker"
	wait "$worker" || :
}

# client ROW N: the same by examples/spillway.py.
client() {
	local queue=q$((++queues)) from
	jobs_put $queue "$2"
	spillway queue set $queue paused=no
	from=$(date +%s%N)
	"$python" -c 'import sys
sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
import spillway
spillway.Spillway().work([sys.argv[2]], lambda job: b"", int(sys.argv[3]))' "$root/examples" $queue "$2"
	rate "$2" $(($(date +%s%N) - from)) >>"$dir/$1"
}

# median ROW FIELD: of the rounds.
median() { cut -d' ' -f"$2" "$dir/$1" | sort -n | sed -n $(((ROUNDS + 1) / 2))p; }

# ratio A B: A / B, of the medians, with two digits.
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f\n", (b > 0 ? a / b : 0) }'; }

# knows JOB: whether this worker has such a job.
knows() { spillway-worker --check-config --queue "q=$1" 2>/dev/null; }

queues=0
kept="keep:$python $root/bench/spawn/noop.py $root/examples"
broker_start
for ((i = 1; i <= ROUNDS; i++)); do
	"$dir/spawn" 4 "$BENCH_S" "$true" >>"$dir/bare"
	run exec "$slow" "exec:$true" 4
	for slots in 8 64 512; do run "noop$slots" "$fast" noop $slots; done
	run exec_python $((slow / 10)) "exec:$python -c pass" 1
	! knows "$kept" || run kept_python "$fast" "$kept" 1
	! "$python" -c 'import zmq' 2>/dev/null || client client "$fast"
done

echo "worker: jobs/s, medians of $ROUNDS rounds"
bare=$(median bare 1) exec=$(median exec 1)
printf '  %-34s %7d\n' "a bare loop of $(basename "$true"), 4 at a time" "$bare"
printf '  %-34s %7d  %s of the bare loop; CPU a job: worker %d us, spawner %d us, bare loop %d us\n' \
	"exec:true, 4 slots" "$exec" "$(ratio "$exec" "$bare")" "$(median exec 2)" "$(median exec 3)" "$(median bare 2)"
for slots in 8 64 512; do
	printf '  %-34s %7d  %s of 8 slots; CPU a job: worker %d us\n' "noop, $slots slots" "$(median noop$slots 1)" \
		"$(ratio "$(median noop$slots 1)" "$(median noop8 1)")" "$(median noop$slots 2)"
done
each=$(median exec_python 1)
printf '  %-34s %7d\n' "exec:python3, 1 slot" "$each"
if [ -e "$dir/kept_python" ]; then
	printf '  %-34s %7d  %s times exec:python3\n' "keep: Python (kept.py), 1 slot" "$(median kept_python 1)" \
		"$(ratio "$(median kept_python 1)" "$each")"
else
	echo "  keep: Python (kept.py) is left out: this worker has no keep:"
fi
if [ -e "$dir/client" ]; then
	printf '  %-34s %7d\n' "examples/spillway.py" "$(median client 1)"
else
	echo "  examples/spillway.py is left out: $python has no zmq"
fi
