#!/bin/sh
# check.sh - every static check; what `make check` runs before the tests.
#
# usage: tools/check/check.sh [--help] [STEP...]
#
# Steps, in this order (all by default; all run even if one fails):
#   layers   who may include whom
#   limits   lengths of files, functions and lines; markers; paths
#   format   clang-format
#   compile  gcc and clang, every file, every header alone
#   tidy     clang-tidy
# CHECK_JOBS=N runs N compilers at a time (2). What passed is remembered in
# build/check; remove that folder to start anew.
set -u
cd "$(dirname "$0")/../.." || exit 2
steps="layers limits format compile tidy"

case "${1:-}" in
-h | --help)
	sed -n '2,/^set/p' "$0" | sed -e '/^set/d' -e 's/^# \{0,1\}//'
	exit 0
	;;
esac

broken=
for step in ${*:-$steps}; do
	if [ ! -f "tools/check/$step.py" ]; then
		echo "check: no step '$step'; there are: $steps" >&2
		exit 2
	fi
	PYTHONDONTWRITEBYTECODE=1 python3 "tools/check/$step.py" ||
		broken="$broken $step"
done
if [ -n "$broken" ]; then
	echo "check: FAIL:$broken"
	exit 1
fi
echo "check: ok"
