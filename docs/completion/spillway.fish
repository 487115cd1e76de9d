# SPDX-License-Identifier: MIT
# fish completion for spillway, made by `spillway completion fish`

function __spillway_queues
	spillway queues --json --broker-timeout 500ms 2>/dev/null |
		sed -n 's/^{"queue": *"\([^"]*\)".*/\1/p'
end

function __spillway_selectors
	switch (commandline -ct)
		case 'queue=*'
			__spillway_queues | sed 's/^/queue=/'
		case 'state=*'
			printf '%s\n' state=delayed state=ready state=leased state=done state=dead state=cancelled
		case '*'
			printf '%s\n' queue= state= since= until= error~ header= id= priority= attempts= cause= worker= fair= unique= content-type=
	end
end

# __spillway_at COUNT VERB...: the words before the cursor are the verb and
# COUNT more: a number, "more" (at least one) or "any".
function __spillway_at
	set -l valued --broker --broker-timeout --file --lines --chunk --id --delay --at --priority --unique --unique-also --fair --max-attempts --timeout --expires --header --content-type --wait-for --rate --limit --reason --interval --blobs --blob --output --range --older -o
	set -l words
	set -l tokens (commandline -opc)
	set -l is_value 0
	set -e tokens[1]
	for token in $tokens
		if test $is_value = 1
			set is_value 0
		else if contains -- $token $valued
			set is_value 1
		else if not string match -q -- '-*' $token
			set -a words $token
		end
	end
	set -l verb $argv[2..]
	set -l n (count $verb)
	set -l more (math (count $words) - $n)
	test $more -ge 0; or return 1
	for i in (seq $n)
		test $words[$i] = $verb[$i]; or return 1
	end
	switch $argv[1]
		case any
			return 0
		case more
			test $more -gt 0
		case '*'
			test $more = $argv[1]
	end
end

complete -c spillway -f
complete -c spillway -l broker -x -d 'where the broker is (else $SPILLWAY_BROKER)'
complete -c spillway -l broker-timeout -x -d 'longest wait for an answer (5s)'
complete -c spillway -l help -d 'show this'
complete -c spillway -n '__spillway_at 0' -l version -d 'print the version'
complete -c spillway -n '__spillway_at 0' -a put -d 'put a job, or a file of them'
complete -c spillway -n '__spillway_at 0' -a get -d 'show jobs with their history'
complete -c spillway -n '__spillway_at 0' -a wait -d 'wait for a job\'s end, print its result'
complete -c spillway -n '__spillway_at 0' -a cancel -d 'cancel jobs, waiting or running'
complete -c spillway -n '__spillway_at 0' -a run -d 'let delayed jobs and retries run now'
complete -c spillway -n '__spillway_at 0' -a move -d 'move waiting or dead jobs to another queue'
complete -c spillway -n '__spillway_at 0' -a bury -d 'make waiting jobs dead, by hand'
complete -c spillway -n '__spillway_at 0' -a why -d 'say why jobs are not running, or how they ended'
complete -c spillway -n '__spillway_at 0' -a list -d 'list jobs of any state'
complete -c spillway -n '__spillway_at 0' -a purge -d 'delete jobs that are not running'
complete -c spillway -n '__spillway_at 0' -a queues -d 'list the queues'
complete -c spillway -n '__spillway_at 0' -a queue -d 'show, set, delete'
complete -c spillway -n '__spillway_at 0 queue' -a show -d 'show a queue\'s settings and figures'
complete -c spillway -n '__spillway_at 0 queue' -a set -d 'change a queue\'s settings, or make it'
complete -c spillway -n '__spillway_at 0 queue' -a delete -d 'delete a queue that has no jobs and no workers'
complete -c spillway -n '__spillway_at 0' -a pause -d 'start no more jobs of a queue'
complete -c spillway -n '__spillway_at 0' -a resume -d 'end a pause'
complete -c spillway -n '__spillway_at 0' -a dead -d 'list, show, redrive, purge'
complete -c spillway -n '__spillway_at 0 dead' -a list -d 'list dead jobs, the newest first'
complete -c spillway -n '__spillway_at 0 dead' -a show -d 'show why jobs died, attempt by attempt'
complete -c spillway -n '__spillway_at 0 dead' -a redrive -d 'make dead jobs ready again'
complete -c spillway -n '__spillway_at 0 dead' -a purge -d 'delete dead jobs for good'
complete -c spillway -n '__spillway_at 0' -a blob -d 'put, get, ls, gc'
complete -c spillway -n '__spillway_at 0 blob' -a put -d 'put files into the blobs, print what refers to them'
complete -c spillway -n '__spillway_at 0 blob' -a get -d 'write a blob, checked, to stdout or a file'
complete -c spillway -n '__spillway_at 0 blob' -a ls -d 'list the blobs'
complete -c spillway -n '__spillway_at 0 blob' -a gc -d 'delete old blobs that no job refers to'
complete -c spillway -n '__spillway_at 0' -a workers -d 'list the workers'
complete -c spillway -n '__spillway_at 0' -a stats -d 'show the broker\'s own figures'
complete -c spillway -n '__spillway_at 0' -a backup -d 'copy the store, checked, while the broker runs'
complete -c spillway -n '__spillway_at 0' -a export -d 'write jobs and queue settings as lines of JSON'
complete -c spillway -n '__spillway_at 0' -a import -d 'put the jobs that export has written'
complete -c spillway -n '__spillway_at 0' -a top -d 'a live screen; keys change what is selected'
complete -c spillway -n '__spillway_at 0' -a help -d 'show this, or what a verb takes'
complete -c spillway -n '__spillway_at 0' -a completion -d 'print the completion script for bash, zsh or fish'
complete -c spillway -n '__spillway_at 0 put' -a '(__spillway_queues)'
complete -c spillway -n '__spillway_at any put' -l json -d 'one JSON object per line'
complete -c spillway -n '__spillway_at any put' -l file -r -F -d 'the body is this file\'s content'
complete -c spillway -n '__spillway_at any put' -l lines -r -F -d 'many jobs: whole lines of FILE (- is stdin), packed'
complete -c spillway -n '__spillway_at any put' -l each -d 'with --lines: each line is a job, less its newline'
complete -c spillway -n '__spillway_at any put' -l chunk -x -d 'with --lines: longest body (128k)'
complete -c spillway -n '__spillway_at any put' -l id -x -d 'the job\'s id: a repeated put makes no second job'
complete -c spillway -n '__spillway_at any put' -l ids -d 'with --lines: print the id of each job'
complete -c spillway -n '__spillway_at any put' -l delay -x -d 'run the job after this time'
complete -c spillway -n '__spillway_at any put' -l at -x -d 'run the job at this time, not before'
complete -c spillway -n '__spillway_at any put' -l priority -x -d '9 is the most urgent (4)'
complete -c spillway -n '__spillway_at any put' -l unique -x -d 'refused while a live job holds KEY'
complete -c spillway -n '__spillway_at any put' -l unique-also -x -a 'dead done dead,done ' -d 'dead, done or dead,done jobs hold KEY too'
complete -c spillway -n '__spillway_at any put' -l fair -x -d 'the tenant: a queue serves its tenants in turn'
complete -c spillway -n '__spillway_at any put' -l max-attempts -x -d 'tries before the job is dead'
complete -c spillway -n '__spillway_at any put' -l timeout -x -d 'longest run of one try; of wait: longest wait'
complete -c spillway -n '__spillway_at any put' -l expires -x -d 'dead if it has not started by then'
complete -c spillway -n '__spillway_at any put' -l header -x -d 'travels with the job; may be repeated'
complete -c spillway -n '__spillway_at any put' -l content-type -x -d 'what the body is'
complete -c spillway -n '__spillway_at any put' -l wait -d 'wait for the end and print the result'
complete -c spillway -n '__spillway_at any put' -l wait-for -x -d 'as --wait, but no longer than this'
complete -c spillway -n '__spillway_at any put' -l blobs -x -d 'the store of blobs (else $SPILLWAY_BLOBS)'
complete -c spillway -n '__spillway_at any put' -l blob -r -F -d 'put FILE into the blobs, the job refers to it'
complete -c spillway -n '__spillway_at any put' -l claim-check -d 'a body over 128 KB goes to the blobs by itself'
complete -c spillway -n '__spillway_at any get' -l json -d 'one JSON object per line'
complete -c spillway -n '__spillway_at any get' -l body -d 'print the body alone'
complete -c spillway -n '__spillway_at any wait' -l json -d 'one JSON object per line'
complete -c spillway -n '__spillway_at any wait' -l timeout -x -d 'longest run of one try; of wait: longest wait'
complete -c spillway -n '__spillway_at 0 cancel' -a '(__spillway_selectors)'
complete -c spillway -n '__spillway_at more cancel' -a '(__spillway_selectors)'
complete -c spillway -n '__spillway_at any cancel' -l json -d 'one JSON object per line'
complete -c spillway -n '__spillway_at any cancel' -l dry-run -d 'count and show, change nothing'
complete -c spillway -n '__spillway_at any cancel' -l all -d 'really all of them: needed without a selector'
complete -c spillway -n '__spillway_at any cancel' -l limit -x -d 'stop after N jobs'
complete -c spillway -n '__spillway_at any cancel' -l yes -d 'really do so'
complete -c spillway -n '__spillway_at 0 run' -a '(__spillway_selectors)'
complete -c spillway -n '__spillway_at more run' -a '(__spillway_selectors)'
complete -c spillway -n '__spillway_at any run' -l json -d 'one JSON object per line'
complete -c spillway -n '__spillway_at any run' -l dry-run -d 'count and show, change nothing'
complete -c spillway -n '__spillway_at any run' -l all -d 'really all of them: needed without a selector'
complete -c spillway -n '__spillway_at any run' -l limit -x -d 'stop after N jobs'
complete -c spillway -n '__spillway_at 0 move' -a '(__spillway_selectors)'
complete -c spillway -n '__spillway_at more move' -a '(__spillway_queues)'
complete -c spillway -n '__spillway_at any move' -l json -d 'one JSON object per line'
complete -c spillway -n '__spillway_at any move' -l dry-run -d 'count and show, change nothing'
complete -c spillway -n '__spillway_at any move' -l all -d 'really all of them: needed without a selector'
complete -c spillway -n '__spillway_at any move' -l limit -x -d 'stop after N jobs'
complete -c spillway -n '__spillway_at 0 bury' -a '(__spillway_selectors)'
complete -c spillway -n '__spillway_at more bury' -a '(__spillway_selectors)'
complete -c spillway -n '__spillway_at any bury' -l json -d 'one JSON object per line'
complete -c spillway -n '__spillway_at any bury' -l dry-run -d 'count and show, change nothing'
complete -c spillway -n '__spillway_at any bury' -l all -d 'really all of them: needed without a selector'
complete -c spillway -n '__spillway_at any bury' -l limit -x -d 'stop after N jobs'
complete -c spillway -n '__spillway_at any bury' -l reason -x -d 'shown as the job\'s last error'
complete -c spillway -n '__spillway_at any why' -l json -d 'one JSON object per line'
complete -c spillway -n '__spillway_at 0 list' -a '(__spillway_selectors)'
complete -c spillway -n '__spillway_at more list' -a '(__spillway_selectors)'
complete -c spillway -n '__spillway_at any list' -l json -d 'one JSON object per line'
complete -c spillway -n '__spillway_at any list' -l limit -x -d 'stop after N jobs'
complete -c spillway -n '__spillway_at any list' -l newest -d 'the newest jobs first'
complete -c spillway -n '__spillway_at 0 purge' -a '(__spillway_selectors)'
complete -c spillway -n '__spillway_at more purge' -a '(__spillway_selectors)'
complete -c spillway -n '__spillway_at any purge' -l json -d 'one JSON object per line'
complete -c spillway -n '__spillway_at any purge' -l dry-run -d 'count and show, change nothing'
complete -c spillway -n '__spillway_at any purge' -l all -d 'really all of them: needed without a selector'
complete -c spillway -n '__spillway_at any purge' -l limit -x -d 'stop after N jobs'
complete -c spillway -n '__spillway_at any purge' -l yes -d 'really do so'
complete -c spillway -n '__spillway_at any queues' -l json -d 'one JSON object per line'
complete -c spillway -n '__spillway_at 0 queue show' -a '(__spillway_queues)'
complete -c spillway -n '__spillway_at any queue show' -l json -d 'one JSON object per line'
complete -c spillway -n '__spillway_at 0 queue set' -a '(__spillway_queues)'
complete -c spillway -n '__spillway_at more queue set' -a 'max_attempts= max_crashes= backoff_ms= backoff_factor= backoff_cap_ms= timeout_ms= lease_ms= delay_ms= max_jobs= max_bytes= rate= burst= concurrency= weight= ageing_ms= retain_done_ms= paused= drain= keep_output= max_releases= memory_limit= cpu_limit= files_limit= core_limit= processes_limit= retain_dead_ms= on_age_ms= dead_to= redact_headers= redact_members= on_dead= on_age= notice_header= '
complete -c spillway -n '__spillway_at 0 queue delete' -a '(__spillway_queues)'
complete -c spillway -n '__spillway_at any queue delete' -l purge -d 'delete the jobs of the queue, too'
complete -c spillway -n '__spillway_at 0 pause' -a '(__spillway_queues)'
complete -c spillway -n '__spillway_at 0 resume' -a '(__spillway_queues)'
complete -c spillway -n '__spillway_at 0 dead list' -a '(__spillway_selectors)'
complete -c spillway -n '__spillway_at more dead list' -a '(__spillway_selectors)'
complete -c spillway -n '__spillway_at any dead list' -l json -d 'one JSON object per line'
complete -c spillway -n '__spillway_at any dead list' -l limit -x -d 'stop after N jobs'
complete -c spillway -n '__spillway_at any dead show' -l json -d 'one JSON object per line'
complete -c spillway -n '__spillway_at 0 dead redrive' -a '(__spillway_selectors)'
complete -c spillway -n '__spillway_at more dead redrive' -a '(__spillway_selectors)'
complete -c spillway -n '__spillway_at any dead redrive' -l json -d 'one JSON object per line'
complete -c spillway -n '__spillway_at any dead redrive' -l dry-run -d 'count and show, change nothing'
complete -c spillway -n '__spillway_at any dead redrive' -l rate -x -d 'let so many jobs become ready, as 50/s or 10/m'
complete -c spillway -n '__spillway_at any dead redrive' -l all -d 'really all of them: needed without a selector'
complete -c spillway -n '__spillway_at any dead redrive' -l limit -x -d 'stop after N jobs'
complete -c spillway -n '__spillway_at 0 dead purge' -a '(__spillway_selectors)'
complete -c spillway -n '__spillway_at more dead purge' -a '(__spillway_selectors)'
complete -c spillway -n '__spillway_at any dead purge' -l json -d 'one JSON object per line'
complete -c spillway -n '__spillway_at any dead purge' -l dry-run -d 'count and show, change nothing'
complete -c spillway -n '__spillway_at any dead purge' -l all -d 'really all of them: needed without a selector'
complete -c spillway -n '__spillway_at any dead purge' -l limit -x -d 'stop after N jobs'
complete -c spillway -n '__spillway_at any dead purge' -l yes -d 'really do so'
complete -c spillway -n '__spillway_at 0 blob put' -F
complete -c spillway -n '__spillway_at more blob put' -F
complete -c spillway -n '__spillway_at any blob put' -l json -d 'one JSON object per line'
complete -c spillway -n '__spillway_at any blob put' -l blobs -x -d 'the store of blobs (else $SPILLWAY_BLOBS)'
complete -c spillway -n '__spillway_at any blob get' -l blobs -x -d 'the store of blobs (else $SPILLWAY_BLOBS)'
complete -c spillway -n '__spillway_at any blob get' -l output -s o -r -F -d 'write the blob to FILE; or -o FILE'
complete -c spillway -n '__spillway_at any blob get' -l range -x -d 'only these bytes, from 0 on, as curl -r takes them'
complete -c spillway -n '__spillway_at any blob ls' -l json -d 'one JSON object per line'
complete -c spillway -n '__spillway_at any blob ls' -l blobs -x -d 'the store of blobs (else $SPILLWAY_BLOBS)'
complete -c spillway -n '__spillway_at any blob gc' -l json -d 'one JSON object per line'
complete -c spillway -n '__spillway_at any blob gc' -l dry-run -d 'count and show, change nothing'
complete -c spillway -n '__spillway_at any blob gc' -l blobs -x -d 'the store of blobs (else $SPILLWAY_BLOBS)'
complete -c spillway -n '__spillway_at any blob gc' -l older -x -d 'only blobs put at least so long ago (24h)'
complete -c spillway -n '__spillway_at any blob gc' -l force -d 'allow --older below 1h'
complete -c spillway -n '__spillway_at any workers' -l json -d 'one JSON object per line'
complete -c spillway -n '__spillway_at any stats' -l json -d 'one JSON object per line'
complete -c spillway -n '__spillway_at any backup' -l json -d 'one JSON object per line'
complete -c spillway -n '__spillway_at 0 export' -a '(__spillway_selectors)'
complete -c spillway -n '__spillway_at more export' -a '(__spillway_selectors)'
complete -c spillway -n '__spillway_at any import' -l part -d 'the lines are a part of an export: none is missing'
complete -c spillway -n '__spillway_at any top' -l interval -x -d 'time between two refreshes (1s)'
complete -c spillway -n '__spillway_at any top' -l once -d 'print once, as plain text'
complete -c spillway -n '__spillway_at 0 help' -a 'put get wait cancel run move bury why list purge queues queue pause resume dead blob workers stats backup export import top help completion '
complete -c spillway -n '__spillway_at any help' -l bash -d 'the same as spillway completion bash'
complete -c spillway -n '__spillway_at 0 completion' -a 'bash zsh fish '
