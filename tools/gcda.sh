#!/bin/sh
# SPDX-License-Identifier: MIT
# gcda.sh LOG...: the counters in the logs of coverage kernels (tests/vm/coverage.c),
# added up, become the .gcda files that gcov looks for. Needs xxd and gcov-tool.
set -eu
command -v xxd >/dev/null || { echo "gcda.sh: needs xxd" >&2; exit 1; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
sum=
nr=0
for log in "$@"; do
	nr=$((nr + 1))
	dir=$tmp/run$nr
	mkdir "$dir"
	tr -d '\r' <"$log" | awk -v dir="$dir" '
		$1 == "gcda=" { n = $2; hex = dir n ".hex"
			d = hex; sub("/[^/]*$", "", d); system("mkdir -p \"" d "\""); print hex >(dir "/list") }
		$1 == "gcda:" { print $2 >hex }'
	if [ ! -s "$dir/list" ]; then
		echo "gcda.sh: $log: no counters: did the machine halt?" >&2
		exit 1
	fi
	while read -r hex; do
		[ ! -f "$hex" ] || xxd -r -p "$hex" "${hex%.hex}"
		rm -f "$hex"
	done <"$dir/list"
	rm "$dir/list"
	if [ -z "$sum" ]; then
		sum=$dir
	else
		gcov-tool merge -o "$tmp/sum$nr" "$sum" "$dir" 2>/dev/null
		sum=$tmp/sum$nr
	fi
done
(cd "$sum" && find . -name '*.gcda') | while read -r f; do
	cp "$sum/$f" "/${f#./}"
done
