# SPDX-License-Identifier: MIT
# bash completion; made by `spillway help --bash`
_spillway()
{
	local cur verb words queues=
	cur=${COMP_WORDS[COMP_CWORD]}
	verb=${COMP_WORDS[1]}
	case $verb in
	queue|dead|blob) [ "$COMP_CWORD" -gt 2 ] &&
		verb="$verb ${COMP_WORDS[2]}" ;;
	esac
	[ "$COMP_CWORD" -eq 1 ] && verb=
	case $verb in
	"") words="--broker --help --version put get wait cancel why list purge queues queue pause resume dead blob workers stats top help" ;;
	"queue") words="show set " ;;
	"dead") words="list show redrive purge " ;;
	"blob") words="put get ls gc " ;;
	"put") words="--broker --broker-timeout --help --json --file --lines --each --chunk --id --ids --delay --at --priority --unique --unique-also --fair --max-attempts --timeout --expires --header --content-type --wait --wait-for --blobs --blob --claim-check " queues=1 ;;
	"get") words="--broker --broker-timeout --help --json --body " ;;
	"wait") words="--broker --broker-timeout --help --json --timeout " ;;
	"cancel") words="--broker --broker-timeout --help --json " ;;
	"why") words="--broker --broker-timeout --help --json " ;;
	"list") words="--broker --broker-timeout --help --json --limit queue= state= since= until= error~ header= id= " ;;
	"purge") words="--broker --broker-timeout --help --json --dry-run --all --limit --yes queue= state= since= until= error~ header= id= " ;;
	"queues") words="--broker --broker-timeout --help --json " ;;
	"queue show") words="--broker --broker-timeout --help --json " queues=1 ;;
	"queue set") words="--broker --broker-timeout --help max_attempts= max_crashes= backoff_ms= backoff_factor= backoff_cap_ms= timeout_ms= lease_ms= delay_ms= max_jobs= max_bytes= rate= burst= concurrency= weight= ageing_ms= retain_done_ms= paused= " queues=1 ;;
	"pause") words="--broker --broker-timeout --help " queues=1 ;;
	"resume") words="--broker --broker-timeout --help " queues=1 ;;
	"dead list") words="--broker --broker-timeout --help --json --limit queue= state= since= until= error~ header= id= " ;;
	"dead show") words="--broker --broker-timeout --help --json " ;;
	"dead redrive") words="--broker --broker-timeout --help --json --dry-run --rate --all --limit queue= state= since= until= error~ header= id= " ;;
	"dead purge") words="--broker --broker-timeout --help --json --dry-run --all --limit --yes queue= state= since= until= error~ header= id= " ;;
	"blob put") words="--broker --broker-timeout --help --json --blobs " ;;
	"blob get") words="--broker --broker-timeout --help --blobs --output --range " ;;
	"blob ls") words="--broker --broker-timeout --help --json --blobs " ;;
	"blob gc") words="--broker --broker-timeout --help --json --dry-run --blobs --older --force " ;;
	"workers") words="--broker --broker-timeout --help --json " ;;
	"stats") words="--broker --broker-timeout --help --json " ;;
	"top") words="--broker --broker-timeout --help --interval --once " ;;
	"help") words="--broker --broker-timeout --help --bash " ;;
	esac
	if [ -n "$queues" ]; then
		words="$words $(spillway queues --json --broker-timeout 500ms 2>/dev/null |
			sed -n 's/^{"queue":"\([^"]*\)".*/\1/p')"
	fi
	COMPREPLY=($(compgen -W "$words" -- "$cur"))
	case ${COMPREPLY[0]} in
	*=|*\~) compopt -o nospace ;;
	esac
}
complete -o default -F _spillway spillway
