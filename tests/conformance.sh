#!/bin/sh
# SPDX-License-Identifier: MIT
# conformance.sh COMMAND...: runs a program or conformance kernel that says plain TAP,
# and sums it up.
tmp=$(mktemp)
trap 'rm -f "$tmp"' EXIT
"$@" >"$tmp" 2>&1 </dev/null
rc=$?
cat "$tmp"
p=$(grep -c '^ok' "$tmp")
f=$(grep -c '^not ok' "$tmp")
if [ "$rc" -ne 0 ] && [ "$f" -eq 0 ]; then
	echo "not ok - exit $rc"
	f=1
fi
[ "$p" -gt 0 ] || f=$((f + 1))
echo "$p passed, $f failed, 0 skipped"
[ "$f" -eq 0 ]
