#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Blobs from end to end: the command, workers with commands and built-in jobs,
# gc among live jobs, damage, quota; in a folder and in a bucket.
. "$(dirname "$0")/../lib/e2e_lib.sh"
cd "$(dirname "$0")/../.."
store=$dir/store
export SPILLWAY_BLOBS=dir:$store TMPDIR=$dir

noise() { head -c "$1" /dev/urandom >"$2"; }
hash_of() { sha256sum <"$1" | cut -d' ' -f1; }
path_of() { h=$(hash_of "$1") && echo "$store/${h:0:2}/$h"; }
aged() { touch -d '3 days ago' "$@"; }
blobs_are() { [ "$(spillway blob ls --json | wc -l)" = "$1" ] || fail "not $1 blobs: $(spillway blob ls)"; }

# An exec job that prints what it got; exit status 3 if it may write there.
cat >"$dir/job.sh" <<'S'
#!/bin/sh
printf 'result %s %s %s\n' "$(sha256sum <"$SPILLWAY_BLOB" | cut -d' ' -f1)" "$SPILLWAY_BLOB_SIZE" "$(wc -c)" >&3
case $SPILLWAY_BLOB in "$PWD"/*) echo "progress 1 copied" >&3; echo copy >>"$MARK" ;; esac
[ -z "$(find "$SPILLWAY_BLOB" -perm /222)" ] || exit 65
S
chmod +x "$dir/job.sh"
export MARK=$dir/mark
broker_start
queues=(--queue "q=exec:$dir/job.sh" --queue fails=exec:false)
worker_start one --slots 2 "${queues[@]}"
one=$worker
spillway queue set q backoff_ms=1 max_attempts=2

# There and back; the name is the hash; a damaged or missing one leaves the file.
noise 3000000 "$dir/big"
ref=$(spillway blob put "$dir/big")
[ "$ref" = "sha256:$(hash_of "$dir/big");size=3000000" ] || fail "$ref"
spillway blob get "$ref" -o "$dir/out" && cmp "$dir/big" "$dir/out"
spillway blob get "${ref%;*}" | cmp - "$dir/big"
refused 1 "no such blob" spillway blob get "sha256:$(printf 0%.0s {1..64})" -o "$dir/out"
refused 2 "sha256: and 64 hex" spillway blob get ../../etc/passwd
refused 2 "missing argument: --blobs" env -u SPILLWAY_BLOBS spillway blob ls
cmp "$dir/big" "$dir/out"

# Ranges: only the whole blob is checked; a malformed range is an error line.
# ranges_are FILE: any of FILE's blob are FILE's own bytes.
ranges_are() {
	local r from n
	while read -r r from n; do
		tail -c +$((from + 1)) "$1" | head -c "$n" >"$dir/part" || :
		spillway blob get "$ref" --range "$r" | cmp - "$dir/part" || fail "--range $r to stdout"
		spillway blob get "$ref" --range="$r" -o "$dir/out" && cmp "$dir/out" "$dir/part" || fail "--range $r"
	done <<'R'
0-0 0 1
5-9 5 5
262100-786500 262100 524401
2999999- 2999999 1
-10 2999990 10
-9000000 0 3000000
0- 0 3000000
2999000-9223372036854775807 2999000 1000
R
}
ranges_are "$dir/big"
cp "$dir/out" "$dir/part"
for r in 3000000- 3000000-3000001 -0; do refused 1 "has nothing, the blob has 3000000 bytes" spillway blob get "$ref" --range "$r" -o "$dir/out"; done
for r in "" - 5 9-5 5-9x a-b +1-2 " 1-2" 1--2 -1-2 0-1,3-4 99999999999999999999-; do refused 2 "FROM-TO, FROM- or -LAST" spillway blob get "$ref" --range "$r" -o "$dir/out"; done
cmp "$dir/out" "$dir/part" || fail "a range that was refused has touched the file"
empty=$(spillway blob put /dev/null)
[ "$(spillway blob get "$empty" | wc -c)" = 0 ] || fail "an empty blob"
refused 1 "has nothing, the blob has 0 bytes" spillway blob get "$empty" --range 0-
rm -f "$(path_of /dev/null)"
spillway blob get "$ref" -o "$dir/out"

# Jobs: --blob with a body of their own, --claim-check by itself, from a pipe too.
want="$(hash_of "$dir/big") 3000000"
[ "$(spillway put q body --blob "$dir/big" --wait-for "${DEADLINE_S}s" 2>/dev/null)" = "$want 4" ] || fail "--blob"
[ "$(spillway put q --file "$dir/big" --claim-check --wait-for "${DEADLINE_S}s" 2>/dev/null)" = "$want 0" ] || fail "--claim-check"
[ "$(spillway put q - --claim-check --wait-for "${DEADLINE_S}s" <"$dir/big" 2>/dev/null)" = "$want 0" ] || fail "stdin"
refused 1 "larger than 128 KB" spillway put q --file "$dir/big"
blobs_are 1
[ ! -e "$MARK" ] || fail "a folder's blob was copied"
id=$(spillway put paused small --claim-check)
[ "$(spillway get "$id" --body)" = small ] || fail "a small body stays in the job"

# A missing blob fails a job for good.
none="blob=sha256:$(printf 1%.0s {1..64});size=3"
id=$(spillway put q x --header "$none")
! spillway wait "$id" 2>/dev/null || fail "a job without its blob"
spillway dead show "$id" >"$dir/said"
grep -q "no such blob" "$dir/said" || fail "$(cat "$dir/said")"
grep -q "attempts *1" "$dir/said" || fail "tried more than once"
id=$(spillway put q x --header blob=sha256:xyz)
! spillway wait "$id" 2>/dev/null || fail "a malformed reference"
spillway dead show "$id" | grep -q "must be sha256:HEX64;size=N" || fail "a malformed reference"

# The command of docs/blobs.md that checks every name by SHA-256.
by_name() { (cd "$store" && find ?? -type f -exec sha256sum {} + | awk '$1 != substr($2, 4)'); }
[ -z "$(by_name)" ] || fail "sound, and not what its name says: $(by_name)"

# Every read finds damage; jobs are retried; a put repairs the blob.
file=$(path_of "$dir/big")
chmod u+w "$file" && printf X | dd of="$file" bs=1 seek=2999999 conv=notrunc status=none
[ "$(by_name | wc -l)" = 1 ] || fail "damaged, and not found by sha256sum: $(by_name)"
refused 1 damaged spillway blob get "$ref" -o "$dir/out"
refused 1 damaged spillway blob get "$ref" --range 0- -o "$dir/out"
spillway blob get "$ref" --range 1- | cmp - <(tail -c +2 "$file") || fail "a part is not checked"
cmp "$dir/big" "$dir/out"
id=$(spillway put q x --header "blob=$ref")
! spillway wait "$id" 2>/dev/null || fail "a damaged blob"
spillway dead show "$id" >"$dir/said"
grep -q damaged "$dir/said" || fail "$(cat "$dir/said")"
grep -q "attempts *2" "$dir/said" || fail "it was not tried again"
spillway blob put "$dir/big" >"$dir/said"
spillway dead redrive "$id" >"$dir/said" && spillway wait "$id" || fail "the mended blob"
spillway dead purge --all --yes >"$dir/said"

# Quota: a refused put leaves nothing behind.
noise 2000000 "$dir/more"
refused 1 "quota of 4194304 bytes: 3000000 are used" spillway blob put "$dir/more" --blobs "dir:$store?quota=4m"
refused 1 "quota" spillway put q --blob "$dir/more" --blobs "dir:$store?quota=4m"
count_is 0 q ready leased || fail "a job without its blob was put"
blobs_are 1

# gc keeps blobs that a job names, dead ones included, and young blobs.
for f in waits dead young old; do noise 1000 "$dir/$f"; done
spillway put later x --delay 1h --blob "$dir/waits" >"$dir/said"
spillway put fails x --max-attempts 1 --blob "$dir/dead" >"$dir/said"
until_true count_is 1 fails dead
spillway blob put "$dir/old" "$dir/young" >"$dir/said"
aged "$(path_of "$dir/waits")" "$(path_of "$dir/dead")" "$(path_of "$dir/old")" "$(path_of "$dir/big")"
# An interrupted put has put nothing and leaves nothing behind.
mkfifo "$dir/slow"
"$b/spillway" blob put - <"$dir/slow" 2>"$dir/said" &
stopped=$!
exec 7>"$dir/slow"
noise 300000 "$dir/noise" && cat "$dir/noise" >&7
until_true compgen -G "$store/tmp/put.*"
kill -TERM "$stopped"
! wait "$stopped" || fail "it was stopped and says it was not"
exec 7>&-
grep -q 'nothing was put' "$dir/said" || fail "stopped: $(cat "$dir/said")"
! compgen -G "$store/tmp/put.*" || fail "a put that was stopped left something behind"

printf half >"$store/tmp/put.dead01" && aged "$store/tmp/put.dead01"
printf half >"$store/tmp/put.live01"
blobs_are 5
refused 2 "force" spillway blob gc --older 30m
refused 3 "" env SPILLWAY_BROKER="ipc://$dir/nobody.sock" spillway blob gc --broker-timeout 100ms
[ "$(spillway blob gc --dry-run)" = "would delete 2 blobs, 2.9 MB, and 1 half-written; 3 kept" ] || fail "dry run: $(spillway blob gc --dry-run)"
blobs_are 5
spillway blob gc --json >"$dir/said"
[ "$(cat "$dir/said")" = '{"deleted":2,"bytes":3001000,"partial":1,"kept":3,"dry_run":false}' ] || fail "gc: $(cat "$dir/said")"
for f in waits dead young; do [ -e "$(path_of "$dir/$f")" ] || fail "gc took $f"; done
[ -e "$store/tmp/put.live01" ] || fail "gc took what is being written"

# A manifest of a job keeps the blobs that it names, also at a chunk's border.
for f in listed first; do noise 1000 "$dir/$f"; done
listed=$(spillway blob put "$dir/listed") first=$(spillway blob put "$dir/first")
{ echo "$first"; head -c 262032 /dev/zero | tr '\0' ' '; echo "$listed"; } >"$dir/manifest"
manifest=$(spillway blob put "$dir/manifest")
id=$(spillway put later x --delay 1h --header "manifest=${manifest%;*}")
aged "$(path_of "$dir/listed")" "$(path_of "$dir/first")" "$(path_of "$dir/manifest")"
spillway blob gc >"$dir/said"
for f in listed first manifest; do [ -e "$(path_of "$dir/$f")" ] || fail "gc took $f"; done
# A damaged manifest stops gc, for the blobs that it names are unknown.
cp "$(path_of "$dir/manifest")" "$dir/kept"
chmod u+w "$(path_of "$dir/manifest")" && printf x | dd of="$(path_of "$dir/manifest")" conv=notrunc 2>"$dir/said"
refused 1 "manifest" spillway blob gc
cp "$dir/kept" "$(path_of "$dir/manifest")" && aged "$(path_of "$dir/manifest")"
spillway cancel "$id" >"$dir/said"
spillway blob gc >"$dir/said"
for f in listed first manifest; do [ ! -e "$(path_of "$dir/$f")" ] || fail "gc left $f"; done

# Every gc sees a job that is retried again and again.
spillway queue set round backoff_ms=1 max_attempts=1000 backoff_factor=1
worker_start round --queue "round=exec:sh -c 'exit 1'"
spillway put round x --blob "$dir/big" >"$dir/said"
for _ in 1 2 3 4 5 6 7 8 9 10; do
	aged "$(path_of "$dir/big")"
	spillway blob gc >"$dir/said"
	[ -e "$(path_of "$dir/big")" ] || fail "gc took the blob of a job on its way"
done
kill "$worker"

# The same in a bucket; a job's file is a copy in the job's folder.
kill "$one"
wait "$one" || :
python3 tests/servers/s3_server.py >"$dir/port" 2>/dev/null &
pids+=("$!")
until_true test -s "$dir/port"
export AWS_ACCESS_KEY_ID=tester AWS_SECRET_ACCESS_KEY=tester/secret+key AWS_REGION=test-1
export AWS_ENDPOINT_URL=http://127.0.0.1:$(cat "$dir/port")
export SPILLWAY_BLOBS="s3://flaky/some/where?backoff=1"
worker_start two "${queues[@]}"
[ "$(spillway put q body --blob "$dir/big" --wait-for "${DEADLINE_S}s" 2>/dev/null)" = "$want 4" ] || fail "a blob in a bucket"
[ -e "$MARK" ] || fail "a copy in the job's folder"
spillway blob get "$ref" -o "$dir/out2" && cmp "$dir/big" "$dir/out2"
ranges_are "$dir/big"
spillway blob gc --older 0 --force --json >"$dir/said"
grep -q '"deleted":0,.*"kept":1' "$dir/said" || fail "round's blob: $(cat "$dir/said")"
spillway cancel "$(spillway list queue=round --json | sed 's/.*"id":"\([^"]*\)".*/\1/')" >"$dir/said"
refused 1 "SignatureDoesNotMatch|says 403" env AWS_SECRET_ACCESS_KEY=wrong spillway blob put "$dir/old"

# A server that is down or a worker without a store: a retry, not a failure.
worker_start three --queue "down=exec:true" --blobs "s3://down?tries=2&backoff=1"
(unset SPILLWAY_BLOBS && exec spillway-worker --queue bare=exec:true 2>>"$dir/four.log") &
pids+=("$!")
for q in "down 503" "bare no.--blobs"; do
	spillway queue set "${q% *}" backoff_ms=1 max_attempts=3
	id=$(spillway put "${q% *}" x --header "$none")
	! spillway wait "$id" 2>/dev/null || fail "$q"
	spillway dead show "$id" >"$dir/said"
	grep -q "${q#* }" "$dir/said" || fail "$q: $(cat "$dir/said")"
	grep -q "attempts *3" "$dir/said" || fail "$q: it was not tried again"
done
refused 78 "^spillway-job-exec: .*s3://" spillway-worker --queue q=noop --blobs ftp://x
echo "in a folder and in a bucket that fails now and then"
