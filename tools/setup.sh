#!/bin/sh
# setup.sh - install the Debian packages that are missing.
#
# usage: tools/setup.sh [--help] [--check] [PURPOSE...]
#
# PURPOSE is one or more of: build image guest emulators tests (default: all).
# The packages and what each is for stand in tools/packages.txt. Those that are
# missing are named with the reason before anything is installed. Needs root or
# sudo only if something is missing; a second run changes nothing.
#   --check   only say what is missing; exit status 1 if anything is
set -eu
list=$(dirname "$0")/packages.txt
check_only=

fail() {
	echo "setup: $1" >&2
	echo "  remedy: $2" >&2
	exit 1
}

purposes=
for arg in "$@"; do
	case "$arg" in
	-h | --help)
		sed -n '2,/^set/p' "$0" | sed -e '/^set/d' -e 's/^# \{0,1\}//'
		exit 0
		;;
	--check) check_only=yes ;;
	build | image | guest | emulators | tests)
		purposes="$purposes $arg"
		;;
	*) fail "unknown argument '$arg'" "tools/setup.sh --help" ;;
	esac
done

command -v dpkg-query >/dev/null 2>&1 ||
	fail "this is not Debian: there is no dpkg-query" \
		"install by hand what tools/packages.txt names, or use Debian 12"

# "PACKAGE WHY..." of the chosen purposes
wanted=$(awk -v chosen="${purposes:-all} " '
	/^#/ || NF == 0 { next }
	chosen == "all " || index(" " chosen, " " $1 " ") {
		sub(/^[^ ]+ /, ""); print
	}' "$list")

# One look at the package database, then a comparison.
installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' 2>/dev/null |
	sed -n 's/^installed //p')
missing=$(printf '%s\n--\n%s\n' "$installed" "$wanted" | awk '
	$0 == "--" { is_wanted = 1; next }
	!is_wanted { have[$1] = 1; next }
	!($1 in have) { print }')

if [ -z "$missing" ]; then
	echo "setup: all $(printf '%s\n' "$wanted" | wc -l) packages are there"
	exit 0
fi

count=$(printf '%s\n' "$missing" | wc -l)
echo "setup: $count Debian packages are missing:"
printf '%s\n' "$missing" | while read -r name why; do
	printf '  %-20s %s\n' "$name" "$why"
done
[ -z "$check_only" ] || exit 1

sudo=
if [ "$(id -u)" -ne 0 ]; then
	command -v sudo >/dev/null 2>&1 ||
		fail "installing needs root, and there is no sudo" \
			"run as root: tools/setup.sh${purposes}"
	sudo=sudo
fi

names=$(printf '%s\n' "$missing" | cut -d' ' -f1 | tr '\n' ' ')
# The lists are fetched only if apt does not know every package.
# shellcheck disable=SC2086 # names are words
if [ "$(apt-cache policy $names 2>/dev/null | grep -c '^  Candidate: [^(]')" \
	-ne "$count" ]; then
	echo "setup: apt-get update"
	$sudo apt-get update -q ||
		fail "apt-get update failed" \
			"check the network and /etc/apt/sources.list"
fi
echo "setup: apt-get install --no-install-recommends $names"
# shellcheck disable=SC2086
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -q -y \
	--no-install-recommends -o DPkg::Lock::Timeout=300 $names </dev/null ||
	fail "apt-get could not install them" \
		"apt-get update, then tools/setup.sh again; the lines above say why"
echo "setup: done"
