#!/bin/sh
# SPDX-License-Identifier: MIT
# bench.sh [BUILD-DIR]: Hyla against the host, in one run, as ratios to native.
# Needs a quiet machine with two CPUs. First the rows of bench.c, then whole
# programs (the second of two runs inside one guest, so that caches are warm),
# then start to exit of a guest. Peers are printed if they are installed.
set -eu
build=$(cd "${1:-.}" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
hyla=$build/hyla
cd "$build"
dir=$(mktemp -d "$PWD/bench.XXXXXX")
trap 'rm -rf "$dir"' EXIT
cp bench "$dir"
cd "$dir"		# guests see this directory only
printf 'int main(void) { return 0; }\n' >true.c
gcc -O2 -static true.c -o true
awk 'BEGIN { for (i = 0; i < 1000; i++) printf "int f%d(int a)\n{ return a * %d + %d; }\n", i, i, i * 7 }' >big.c
export BENCH_TRUE="$dir/true"

# t NAME COMMAND: the least of 5 runs after a first one, in ms.
cat >programs.sh <<'S'
t() {
	name=$1; shift; best=
	for i in 0 1 2 3 4 5; do
		a=$(date +%s%N); "$@" >/dev/null 2>&1; b=$(date +%s%N)
		[ $i = 0 ] && continue
		ms=$(( (b - a) / 1000 ))
		if [ -z "$best" ] || [ $ms -lt $best ]; then best=$ms; fi
	done
	printf '%s\t%s000\n' "$name" "$best"
}
t dd-100000 dd if=/dev/zero of=/dev/null bs=1 count=100000
t bash-20 bash -c 'for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do /bin/true; done'
t find-doc find /usr/share/doc
t python3-pass python3 -c pass
t gcc-2000 gcc -c big.c -o big.o
S

run() {		# column command...
	column=$1
	shift
	"$@" ./bench >"$column.tsv" 2>"$column.err" || cat "$column.err" >&2
	"$@" bash programs.sh >>"$column.tsv"
	best=
	for i in 1 2 3 4 5 6 7; do
		a=$(date +%s%N); "$@" /bin/true; b=$(date +%s%N)
		if [ -z "$best" ] || [ $((b - a)) -lt "$best" ]; then best=$((b - a)); fi
	done
	printf 'start-to-exit\t%s\n' "$best" >>"$column.tsv"
}
cpu=$(awk '/^Cpus_allowed_list/ { split($2, a, /[-,]/); print a[1] }' /proc/self/status)
run native taskset -c "$cpu"
run inproc "$hyla" run --engine inproc --
run no-rewrite "$hyla" run --engine inproc --no-rewrite --
run ptrace "$hyla" run --engine ptrace --
columns="inproc no-rewrite ptrace"
for peer in qemu-x86_64; do
	if command -v $peer >/dev/null; then
		"$peer" ./bench >$peer.tsv 2>/dev/null || true
		columns="$columns $peer"
	fi
done
if command -v runsc >/dev/null; then
	runsc --rootless --network=none do ./bench >runsc.tsv 2>/dev/null || true
	columns="$columns runsc"
fi
# shellcheck disable=SC2086
set -- $columns
printf '%-14s %12s' row native-ns
printf ' %11s' "$@"
echo
while read -r row ns; do
	printf '%-14s %12s' "$row" "$ns"
	for column in "$@"; do
		awk -v row="$row" -v native="$ns" '$1 == row { printf " %10.2fx", $2 / native; found = 1 }
			END { if (!found) printf " %11s", "-" }' "$column.tsv"
	done
	echo
done <native.tsv
