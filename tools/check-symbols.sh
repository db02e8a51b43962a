#!/bin/sh
# SPDX-License-Identifier: MIT
# check-symbols.sh ARCHIVE HALDIR: the undefined symbols of the archive must be
# functions that HALDIR/*.h declares. Prints them; fails naming the others.
set -eu
archive=$1
hal=$2
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
# Undefined in some member and defined in none.
${NM:-nm} -u "$archive" | awk 'NF == 2 && $1 == "U" { print $2 }' | LC_ALL=C sort -u >"$tmp/wanted"
${NM:-nm} --defined-only "$archive" | awk 'NF == 3 { print $3 }' | LC_ALL=C sort -u >"$tmp/defined"
LC_ALL=C comm -23 "$tmp/wanted" "$tmp/defined" >"$tmp/open"
cat "$hal"/*.h | grep -oE '\bhal_[a-z0-9_]+\(' | tr -d '(' | LC_ALL=C sort -u >"$tmp/declared"
bad=$(LC_ALL=C comm -23 "$tmp/open" "$tmp/declared")
if [ -n "$bad" ]; then
	echo "$archive needs what src/hal/*.h does not declare:" >&2
	printf '%s\n' "$bad" | sed 's/^/  /' >&2
	exit 1
fi
cat "$tmp/open"
