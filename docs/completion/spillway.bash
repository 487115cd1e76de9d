# SPDX-License-Identifier: MIT
# bash completion for spillway, made by `spillway completion bash`

_spillway_queues()
{
	spillway queues --json --broker-timeout 500ms 2>/dev/null |
		sed -n 's/^{"queue": *"\([^"]*\)".*/\1/p'
}

# The words of kind $1 that $cur may become.
_spillway_words()
{
	case $1:$cur in
	queue:*) _spillway_queues ;;
	selector:queue=*) _spillway_queues | sed 's/^/queue=/' ;;
	selector:state=*) echo "state=delayed state=ready state=leased state=done state=dead state=cancelled " ;;
	selector:*) echo "queue= state= since= until= error~ header= id= priority= attempts= cause= worker= fair= unique= content-type= " ;;
	setting:*) echo "max_attempts= max_crashes= backoff_ms= backoff_factor= backoff_cap_ms= timeout_ms= lease_ms= delay_ms= max_jobs= max_bytes= rate= burst= concurrency= weight= ageing_ms= retain_done_ms= paused= drain= keep_output= max_releases= memory_limit= cpu_limit= files_limit= core_limit= processes_limit= retain_dead_ms= on_age_ms= dead_to= redact_headers= redact_members= on_dead= on_age= notice_header= " ;;
	verb:*) echo "put get wait cancel run move bury why list purge queues queue pause resume dead blob workers stats backup export import top help completion " ;;
	shell:*) echo "bash zsh fish " ;;
	states:*) echo "dead done dead,done " ;;
	esac
}

# The kind of the value that option $1 takes into $kind; it is "" for a flag.
_spillway_value()
{
	case $1 in
	--file | --lines | --blob | --output | -o) kind=file ;;
	--unique-also) kind=states ;;
	--broker | --broker-timeout | --chunk | --id | --delay | --at | --priority | --unique | --fair | --max-attempts | --timeout | --expires | --header | --content-type | --wait-for | --rate | --limit | --reason | --interval | --blobs | --range | --older) kind=other ;;
	*) kind= ;;
	esac
}

# What verb $1 takes: $options, the kinds $first and $rest of its words; or
# the words of which the verb's next one is.
_spillway_verb()
{
	case $1 in
	"") options="--broker --help --version" list="put get wait cancel run move bury why list purge queues queue pause resume dead blob workers stats backup export import top help completion " ;;
	"queue") list="show set delete" ;;
	"dead") list="list show redrive purge" ;;
	"blob") list="put get ls gc" ;;
	"put") options=" --broker --broker-timeout --help --json --file --lines --each --chunk --id --ids --delay --at --priority --unique --unique-also --fair --max-attempts --timeout --expires --header --content-type --wait --wait-for --blobs --blob --claim-check" first=queue rest= ;;
	"get") options=" --broker --broker-timeout --help --json --body" first= rest= ;;
	"wait") options=" --broker --broker-timeout --help --json --timeout" first= rest= ;;
	"cancel") options=" --broker --broker-timeout --help --json --dry-run --all --limit --yes" first=selector rest=selector ;;
	"run") options=" --broker --broker-timeout --help --json --dry-run --all --limit" first=selector rest=selector ;;
	"move") options=" --broker --broker-timeout --help --json --dry-run --all --limit" first=selector rest=queue ;;
	"bury") options=" --broker --broker-timeout --help --json --dry-run --all --limit --reason" first=selector rest=selector ;;
	"why") options=" --broker --broker-timeout --help --json" first= rest= ;;
	"list") options=" --broker --broker-timeout --help --json --limit --newest" first=selector rest=selector ;;
	"purge") options=" --broker --broker-timeout --help --json --dry-run --all --limit --yes" first=selector rest=selector ;;
	"queues") options=" --broker --broker-timeout --help --json" first= rest= ;;
	"queue show") options=" --broker --broker-timeout --help --json" first=queue rest= ;;
	"queue set") options=" --broker --broker-timeout --help" first=queue rest=setting ;;
	"queue delete") options=" --broker --broker-timeout --help --purge" first=queue rest= ;;
	"pause") options=" --broker --broker-timeout --help" first=queue rest= ;;
	"resume") options=" --broker --broker-timeout --help" first=queue rest= ;;
	"dead list") options=" --broker --broker-timeout --help --json --limit" first=selector rest=selector ;;
	"dead show") options=" --broker --broker-timeout --help --json" first= rest= ;;
	"dead redrive") options=" --broker --broker-timeout --help --json --dry-run --rate --all --limit" first=selector rest=selector ;;
	"dead purge") options=" --broker --broker-timeout --help --json --dry-run --all --limit --yes" first=selector rest=selector ;;
	"blob put") options=" --broker --broker-timeout --help --json --blobs" first=file rest=file ;;
	"blob get") options=" --broker --broker-timeout --help --blobs --output --range" first= rest= ;;
	"blob ls") options=" --broker --broker-timeout --help --json --blobs" first= rest= ;;
	"blob gc") options=" --broker --broker-timeout --help --json --dry-run --blobs --older --force" first= rest= ;;
	"workers") options=" --broker --broker-timeout --help --json" first= rest= ;;
	"stats") options=" --broker --broker-timeout --help --json" first= rest= ;;
	"backup") options=" --broker --broker-timeout --help --json" first= rest= ;;
	"export") options=" --broker --broker-timeout --help" first=selector rest=selector ;;
	"import") options=" --broker --broker-timeout --help --part" first= rest= ;;
	"top") options=" --broker --broker-timeout --help --interval --once" first= rest= ;;
	"help") options=" --broker --broker-timeout --help --bash" first=verb rest= ;;
	"completion") options=" --broker --broker-timeout --help" first=shell rest= ;;
	esac
}

_spillway()
{
	local line=${COMP_LINE:0:COMP_POINT} cur= verb= kind= n=0 word cut
	local options= first= rest= list=
	local -a words
	read -ra words <<<"$line"
	case $line in
	*[[:space:]]) ;;
	*) cur=${words[-1]} && unset 'words[-1]' ;;
	esac
	_spillway_verb ''
	for word in "${words[@]:1}"; do
		if [ -n "$kind" ]; then
			kind=
		elif [[ $word == -* ]]; then
			_spillway_value "$word"
		elif [ -n "$list" ]; then
			verb=${verb:+$verb }$word list=
			_spillway_verb "$verb"
		else
			((n += 1))
		fi
	done
	if [ -z "$kind" ] && [[ $cur == --*=* ]]; then
		_spillway_value "${cur%%=*}"
		cur=${cur#*=}
	elif [ -z "$kind" ] && [[ $cur == -* ]]; then
		list=$options
	elif [ -z "$kind" ] && [ -z "$list" ]; then
		[ $n = 0 ] && kind=$first || kind=$rest
	fi
	COMPREPLY=()
	if [ "$kind" = file ]; then
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
	fi
	[ -z "$kind" ] || list=$(_spillway_words "$kind")
	mapfile -t COMPREPLY < <(compgen -W "$list" -- "$cur")
	case ${COMPREPLY[0]-} in
	*= | *\~) compopt -o nospace 2>/dev/null ;;
	esac
	# readline replaces only what stands after the last of these
	cut=${cur%"${cur##*[=:]}"}
	COMPREPLY=("${COMPREPLY[@]#"$cut"}")
}
complete -F _spillway spillway
