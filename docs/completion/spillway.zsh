#compdef spillway
# SPDX-License-Identifier: MIT
# zsh completion for spillway, made by `spillway completion zsh`

_spillway_queue()
{
	local -a queues
	queues=(${(f)"$(spillway queues --json --broker-timeout 500ms 2>/dev/null |
		sed -n 's/^{"queue": *"\([^"]*\)".*/\1/p')"})
	compadd -a queues
}

_spillway_selector()
{
	if compset -P 'queue='; then
		_spillway_queue
	elif compset -P 'state='; then
		compadd -- delayed ready leased done dead cancelled
	else
		compadd -S '' -- queue= state= since= until= error~ header= id= priority= attempts= cause= worker= fair= unique= content-type=
	fi
}

_spillway_setting()
{
	compadd -S '' -- max_attempts= max_crashes= backoff_ms= backoff_factor= backoff_cap_ms= timeout_ms= lease_ms= delay_ms= max_jobs= max_bytes= rate= burst= concurrency= weight= ageing_ms= retain_done_ms= paused= drain= keep_output= max_releases= memory_limit= cpu_limit= files_limit= core_limit= processes_limit= retain_dead_ms= on_age_ms= dead_to= redact_headers= redact_members= on_dead= on_age= notice_header=
}

_spillway_verb()
{
	compadd -- put get wait cancel run move bury why list purge queues queue pause resume dead blob workers stats backup export import top help completion
}

_spillway_shell()
{
	compadd -- bash zsh fish
}

_spillway_states()
{
	compadd -- dead done dead,done
}

# $words is the verb and the words after it.
_spillway_word()
{
	local -a verbs
	case $words[1] in
	queue)
		if ((CURRENT == 2)); then
			verbs=(
				'show:show a queue'\''s settings and figures'
				'set:change a queue'\''s settings, or make it'
				'delete:delete a queue that has no jobs and no workers')
			_describe verb verbs
			return
		fi
		words[1,2]=("queue $words[2]")
		((CURRENT -= 1))
		;;
	dead)
		if ((CURRENT == 2)); then
			verbs=(
				'list:list dead jobs, the newest first'
				'show:show why jobs died, attempt by attempt'
				'redrive:make dead jobs ready again'
				'purge:delete dead jobs for good')
			_describe verb verbs
			return
		fi
		words[1,2]=("dead $words[2]")
		((CURRENT -= 1))
		;;
	blob)
		if ((CURRENT == 2)); then
			verbs=(
				'put:put files into the blobs, print what refers to them'
				'get:write a blob, checked, to stdout or a file'
				'ls:list the blobs'
				'gc:delete old blobs that no job refers to')
			_describe verb verbs
			return
		fi
		words[1,2]=("blob $words[2]")
		((CURRENT -= 1))
		;;
	esac
	case $words[1] in
	'put')
		_arguments $always \
		'--json[one JSON object per line]' \
		'--file=[the body is this file'\''s content]:FILE:_files' \
		'--lines=[many jobs\: whole lines of FILE (- is stdin), packed]:FILE:_files' \
		'--each[with --lines\: each line is a job, less its newline]' \
		'--chunk=[with --lines\: longest body (128k)]:BYTES: ' \
		'--id=[the job'\''s id\: a repeated put makes no second job]:UUID: ' \
		'--ids[with --lines\: print the id of each job]' \
		'--delay=[run the job after this time]:DURATION: ' \
		'--at=[run the job at this time, not before]:TIME: ' \
		'--priority=[9 is the most urgent (4)]:0-9: ' \
		'--unique=[refused while a live job holds KEY]:KEY: ' \
		'--unique-also=[dead, done or dead,done jobs hold KEY too]:STATES:_spillway_states' \
		'--fair=[the tenant\: a queue serves its tenants in turn]:NAME: ' \
		'--max-attempts=[tries before the job is dead]:N: ' \
		'--timeout=[longest run of one try; of wait\: longest wait]:DURATION: ' \
		'--expires=[dead if it has not started by then]:TIME: ' \
		'*--header=[travels with the job; may be repeated]:NAME=VALUE: ' \
		'--content-type=[what the body is]:TYPE: ' \
		'--wait[wait for the end and print the result]' \
		'--wait-for=[as --wait, but no longer than this]:DURATION: ' \
		'--blobs=[the store of blobs (else $SPILLWAY_BLOBS)]:URI: ' \
		'--blob=[put FILE into the blobs, the job refers to it]:FILE:_files' \
		'--claim-check[a body over 128 KB goes to the blobs by itself]' \
		'1:word:_spillway_queue'
		;;
	'get')
		_arguments $always \
		'--json[one JSON object per line]' \
		'--body[print the body alone]'
		;;
	'wait')
		_arguments $always \
		'--json[one JSON object per line]' \
		'--timeout=[longest run of one try; of wait\: longest wait]:DURATION: '
		;;
	'cancel')
		_arguments $always \
		'--json[one JSON object per line]' \
		'--dry-run[count and show, change nothing]' \
		'--all[really all of them\: needed without a selector]' \
		'--limit=[stop after N jobs]:N: ' \
		'--yes[really do so]' \
		'1:word:_spillway_selector' \
		'*:word:_spillway_selector'
		;;
	'run')
		_arguments $always \
		'--json[one JSON object per line]' \
		'--dry-run[count and show, change nothing]' \
		'--all[really all of them\: needed without a selector]' \
		'--limit=[stop after N jobs]:N: ' \
		'1:word:_spillway_selector' \
		'*:word:_spillway_selector'
		;;
	'move')
		_arguments $always \
		'--json[one JSON object per line]' \
		'--dry-run[count and show, change nothing]' \
		'--all[really all of them\: needed without a selector]' \
		'--limit=[stop after N jobs]:N: ' \
		'1:word:_spillway_selector' \
		'*:word:_spillway_queue'
		;;
	'bury')
		_arguments $always \
		'--json[one JSON object per line]' \
		'--dry-run[count and show, change nothing]' \
		'--all[really all of them\: needed without a selector]' \
		'--limit=[stop after N jobs]:N: ' \
		'--reason=[shown as the job'\''s last error]:TEXT: ' \
		'1:word:_spillway_selector' \
		'*:word:_spillway_selector'
		;;
	'why')
		_arguments $always \
		'--json[one JSON object per line]'
		;;
	'list')
		_arguments $always \
		'--json[one JSON object per line]' \
		'--limit=[stop after N jobs]:N: ' \
		'--newest[the newest jobs first]' \
		'1:word:_spillway_selector' \
		'*:word:_spillway_selector'
		;;
	'purge')
		_arguments $always \
		'--json[one JSON object per line]' \
		'--dry-run[count and show, change nothing]' \
		'--all[really all of them\: needed without a selector]' \
		'--limit=[stop after N jobs]:N: ' \
		'--yes[really do so]' \
		'1:word:_spillway_selector' \
		'*:word:_spillway_selector'
		;;
	'queues')
		_arguments $always \
		'--json[one JSON object per line]'
		;;
	'queue show')
		_arguments $always \
		'--json[one JSON object per line]' \
		'1:word:_spillway_queue'
		;;
	'queue set')
		_arguments $always \
		'1:word:_spillway_queue' \
		'*:word:_spillway_setting'
		;;
	'queue delete')
		_arguments $always \
		'--purge[delete the jobs of the queue, too]' \
		'1:word:_spillway_queue'
		;;
	'pause')
		_arguments $always \
		'1:word:_spillway_queue'
		;;
	'resume')
		_arguments $always \
		'1:word:_spillway_queue'
		;;
	'dead list')
		_arguments $always \
		'--json[one JSON object per line]' \
		'--limit=[stop after N jobs]:N: ' \
		'1:word:_spillway_selector' \
		'*:word:_spillway_selector'
		;;
	'dead show')
		_arguments $always \
		'--json[one JSON object per line]'
		;;
	'dead redrive')
		_arguments $always \
		'--json[one JSON object per line]' \
		'--dry-run[count and show, change nothing]' \
		'--rate=[let so many jobs become ready, as 50/s or 10/m]:RATE: ' \
		'--all[really all of them\: needed without a selector]' \
		'--limit=[stop after N jobs]:N: ' \
		'1:word:_spillway_selector' \
		'*:word:_spillway_selector'
		;;
	'dead purge')
		_arguments $always \
		'--json[one JSON object per line]' \
		'--dry-run[count and show, change nothing]' \
		'--all[really all of them\: needed without a selector]' \
		'--limit=[stop after N jobs]:N: ' \
		'--yes[really do so]' \
		'1:word:_spillway_selector' \
		'*:word:_spillway_selector'
		;;
	'blob put')
		_arguments $always \
		'--json[one JSON object per line]' \
		'--blobs=[the store of blobs (else $SPILLWAY_BLOBS)]:URI: ' \
		'1:word:_files' \
		'*:word:_files'
		;;
	'blob get')
		_arguments $always \
		'--blobs=[the store of blobs (else $SPILLWAY_BLOBS)]:URI: ' \
		'--output=[write the blob to FILE; or -o FILE]:FILE:_files' \
		'-o[write the blob to FILE; or -o FILE]:FILE:_files' \
		'--range=[only these bytes, from 0 on, as curl -r takes them]:FROM-TO: '
		;;
	'blob ls')
		_arguments $always \
		'--json[one JSON object per line]' \
		'--blobs=[the store of blobs (else $SPILLWAY_BLOBS)]:URI: '
		;;
	'blob gc')
		_arguments $always \
		'--json[one JSON object per line]' \
		'--dry-run[count and show, change nothing]' \
		'--blobs=[the store of blobs (else $SPILLWAY_BLOBS)]:URI: ' \
		'--older=[only blobs put at least so long ago (24h)]:DURATION: ' \
		'--force[allow --older below 1h]'
		;;
	'workers')
		_arguments $always \
		'--json[one JSON object per line]'
		;;
	'stats')
		_arguments $always \
		'--json[one JSON object per line]'
		;;
	'backup')
		_arguments $always \
		'--json[one JSON object per line]'
		;;
	'export')
		_arguments $always \
		'1:word:_spillway_selector' \
		'*:word:_spillway_selector'
		;;
	'import')
		_arguments $always \
		'--part[the lines are a part of an export\: none is missing]'
		;;
	'top')
		_arguments $always \
		'--interval=[time between two refreshes (1s)]:DURATION: ' \
		'--once[print once, as plain text]'
		;;
	'help')
		_arguments $always \
		'--bash[the same as spillway completion bash]' \
		'1:word:_spillway_verb'
		;;
	'completion')
		_arguments $always \
		'1:word:_spillway_shell'
		;;
	esac
}

_spillway()
{
	local curcontext=$curcontext state line
	local -a all_verbs always
	typeset -A opt_args
	all_verbs=(
		'put:put a job, or a file of them'
		'get:show jobs with their history'
		'wait:wait for a job'\''s end, print its result'
		'cancel:cancel jobs, waiting or running'
		'run:let delayed jobs and retries run now'
		'move:move waiting or dead jobs to another queue'
		'bury:make waiting jobs dead, by hand'
		'why:say why jobs are not running, or how they ended'
		'list:list jobs of any state'
		'purge:delete jobs that are not running'
		'queues:list the queues'
		'queue:show, set, delete'
		'pause:start no more jobs of a queue'
		'resume:end a pause'
		'dead:list, show, redrive, purge'
		'blob:put, get, ls, gc'
		'workers:list the workers'
		'stats:show the broker'\''s own figures'
		'backup:copy the store, checked, while the broker runs'
		'export:write jobs and queue settings as lines of JSON'
		'import:put the jobs that export has written'
		'top:a live screen; keys change what is selected'
		'help:show this, or what a verb takes'
		'completion:print the completion script for bash, zsh or fish')
	always=( \
		'--broker=[where the broker is (else $SPILLWAY_BROKER)]:ENDPOINT: ' \
		'--broker-timeout=[longest wait for an answer (5s)]:DURATION: ' \
		'--help[show this]')
	_arguments -C '--version[print the version]' $always \
		'1:VERB:->verb' '*::word:->word'
	case $state in
	verb) _describe verb all_verbs ;;
	word) _spillway_word ;;
	esac
}

# Autoloaded it runs; sourced it registers itself.
if [[ $funcstack[1] == _spillway ]]; then
	_spillway "$@"
else
	compdef _spillway spillway
fi
