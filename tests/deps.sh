#!/bin/sh
# SPDX-License-Identifier: MIT
# deps.sh SET...: installs what is missing of these sets of tests/deps.list, as
# root or through sudo, and says how much that is.
# deps.sh --missing SET...: prints the packages whose header $CC does not find.
# deps.sh --list SET...: prints "PACKAGE WHAT" of each.
set -eu
: "${CC:=cc}"
list=${DEPS_LIST:-$(dirname "$0")/deps.list}

# entries SET...: "PACKAGE WHAT" of each, and of the sets that it includes.
entries() {
	awk -v sets="$*" '
	function print_set(set, n, i, part) {
		if (!(set in has)) {
			print "deps: " FILENAME " has no set " set >"/dev/stderr"
			exit 1
		}
		if (seen[set]++)
			return
		n = split(includes[set], part, " ")
		for (i = 1; i <= n; i++)
			print_set(part[i])
		printf "%s", has[set]
	}
	/^#/ || NF < 3 { next }
	$2 == "+" { set = $1; $1 = $2 = ""; includes[set] = $0; next }
	{ n = split($1, in_set, ","); for (i = 1; i <= n; i++) has[in_set[i]] = has[in_set[i]] $2 " " $3 "\n" }
	END { n = split(sets, of, " "); for (i = 1; i <= n; i++) print_set(of[i]) }' "$list"
}

# missing_headers: by one run of the preprocessor, whatever the system.
missing_headers() {
	if ! command -v "${CC%% *}" >/dev/null; then
		[ "$CC" = cc ] && echo gcc || echo "${CC%% *}"
		return
	fi
	# The mark is there if this is a preprocessor.
	# shellcheck disable=SC2086 # options
	said=$(echo "$wanted" | awk '
		$2 ~ /\.h$/ { printf "#if !__has_include(<%s>)\n\"%s\"\n#endif\n", $2, $1 }
		END { print "\"mark\"" }' |
		$CC ${CPPFLAGS:-} -E -P -x c -) || said=
	case $said in *\"mark\") ;; *)
		echo "deps: $CC cannot preprocess" >&2
		return 1
		;;
	esac
	printf %s "${said%\"mark\"}" | tr -d '"'
}

# installed: "PACKAGES KILOBYTES" of the whole system.
installed() {
	dpkg-query -W -f '${db:Status-Abbrev} ${Installed-Size}\n' |
		awk '$1 == "ii" { n++; kib += $2 } END { print n, int(kib * 1.024) }'
}

# apt COMMAND...: which keeps no archives: the figures are all that the disk loses.
apt() {
	$as env LC_ALL=C DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 \
		-o APT::Keep-Downloaded-Packages=false -y --no-install-recommends "$@"
}

# fail WHY: the last line names the packages, and the way to have them.
fail() {
	echo "deps: $1; missing: $missing; as root:$targets" >&2
	exit 1
}

what=install
case $1 in --*) what=${1#--} && shift ;; esac
wanted=$(entries "$@")
case $what in
missing) missing_headers && exit 0 || exit 1 ;;
list) echo "$wanted" && exit ;;
esac
targets=$(printf ' make deps-%s' "$@")
missing=
for p in $(echo "$wanted" | cut -d ' ' -f 1); do
	dpkg-query -W -f '${Status}' "$p" 2>/dev/null |
		grep -q 'ok installed' || missing="${missing:+$missing }$p"
done
[ -n "$missing" ] || exit 0
as=
if [ "$(id -u)" != 0 ]; then
	as=sudo
	command -v sudo >/dev/null || fail "there is neither root nor sudo"
fi
apt update -qq || fail "apt-get update failed"
# shellcheck disable=SC2086 # a list of packages, here and below
plan=$(apt install --print-uris $missing) || fail "apt-get cannot install them"
echo "$plan" | awk -v missing="$missing" '
	/ newly installed,/ { n = $3 }
	sub(/^Need to get /, "") { sub(/ of archives.*/, ""); get = $0 }
	sub(/^After this operation, /, "") { sub(/ of additional.*/, ""); disk = $0 }
	END { printf "deps: installs %s: %d package%s, %s to download, %s on disk\n", missing, n, n == 1 ? "" : "s", get, disk }'
before=$(installed)
# shellcheck disable=SC2086
apt install -qq $missing >/dev/null || fail "apt-get could not install them"
echo "$before $(installed)" | awk '{
	n = $3 - $1
	printf "deps: installed %d package%s, %.0f MB\n", n, n == 1 ? "" : "s", ($4 - $2) / 1000
}'
