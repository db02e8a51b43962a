#!/bin/bash
# SPDX-License-Identifier: MIT
# [HYLA_WORLD=boot] programs.sh HYLA [OPTIONS...]: unmodified programs of this machine, each
# run natively and under Hyla; output and exit status must be equal.
# Cases need the same view of files in both worlds: they write below a fresh
# directory that is the working directory of both.
set -u
hyla=$(realpath "$1")
shift
top=$(mktemp -d "${PWD}/programs.XXXXXX")
trap 'rm -rf "$top"' EXIT
passed=0 failed=0 skipped=0 nr=0

prepare() {
	mkdir -p "$1" && cd "$1" || exit 1
	printf 'one\ntwo\nthree\nfour\nfive\nsix\n' >words
	seq 1 200 >numbers
	printf 'b 2\na 1\nc 3\na 4\n' >pairs
	mkdir -p dir/sub
	echo alpha >dir/a
	echo beta >dir/sub/b
	ln -s ../a dir/sub/link
}

# t COMMAND: a bash command line.
t() {
	nr=$((nr + 1))
	local first=${1%% *} n h nrc hrc
	if [ "${2:-}" ] && ! command -v "$2" >/dev/null; then
		echo "ok $nr - $1 # SKIP no $2"
		skipped=$((skipped + 1))
		return
	fi
	n=$(prepare "$top/n"; bash -c "$1" 2>&1 </dev/null; echo "rc=$?")
	h=$(prepare "$top/h"; timeout 60 "$hyla" "${HYLA_WORLD:-run}" "${opts[@]}" -- bash -c "$1" 2>&1 </dev/null; echo "rc=$?")
	rm -rf "$top/n" "$top/h"
	n=${n//"$top/n"/TOP} h=${h//"$top/h"/TOP}
	if [ "$n" = "$h" ]; then
		echo "ok $nr - $1"
		passed=$((passed + 1))
	else
		echo "not ok $nr - $1"
		diff <(printf '%s\n' "$n") <(printf '%s\n' "$h") | head -n 10 | sed 's/^/# /'
		failed=$((failed + 1))
	fi
}
opts=("$@")
bb=$(command -v busybox || echo busybox)

. "$(dirname "$0")/programs-list.sh"

echo "1..$nr"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
