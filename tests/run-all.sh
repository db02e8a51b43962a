#!/bin/sh
# SPDX-License-Identifier: MIT
# run-all.sh BUILDDIR: every test, as `make check` and `quickstart check` run it.
# Each suite prints its own lines; the sums close as "N passed, N failed, N skipped".
set -u
tests=$(cd "$(dirname "$0")" && pwd)
build=$(cd "${1:?usage: run-all.sh BUILDDIR}" && pwd)
out=$build/test-results
rm -rf "$out"
mkdir -p "$out"
passed=0 failed=0 skipped=0

# suite NAME COMMAND...: the command's last "N passed, N failed, N skipped" counts.
suite() {
	name=$1
	shift
	echo "== $name"
	"$@" >"$out/$name.log" 2>&1 </dev/null
	rc=$?
	line=$(grep -E '^[0-9]+ passed, [0-9]+ failed' "$out/$name.log" | tail -n 1)
	if [ -z "$line" ]; then
		echo "   no result (exit $rc); the end of $out/$name.log:"
		tail -n 15 "$out/$name.log" | sed 's/^/   /'
		failed=$((failed + 1))
		return
	fi
	echo "   $line"
	p=${line%% passed*}
	f=${line#*passed, }
	f=${f%% failed*}
	s=0
	case $line in *skipped*) s=${line##*failed, } s=${s%% skipped*} ;; esac
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
	if [ "$f" -gt 0 ] || [ "$rc" -ne 0 ]; then
		grep -E '^(not ok|FAIL)' "$out/$name.log" | head -n 20 | sed 's/^/   /'
		[ "$f" -gt 0 ] || failed=$((failed + 1))
	fi
}

cd "$build" || exit 1
. "$tests/suites.sh"

echo
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
