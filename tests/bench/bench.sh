#!/bin/sh
# SPDX-License-Identifier: MIT
# bench.sh [BUILD-DIR]: Hyla against the host, in one run, as ratios to native.
# Needs a quiet machine with two CPUs. First the rows of bench.c, then whole
# programs (not the first run inside one guest, so that caches are warm), then
# start to exit of a guest. Peers are printed if they are installed: runsc,
# user-mode-linux, qemu-user. With PLOT=FILE, an absolute name, also as an SVG.
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

# t NAME COMMAND: the least of 5 runs after a first one, in us; nothing if it fails.
cat >programs.sh <<'S'
t() {
	name=$1; shift; best=
	for i in 0 1 2 3 4 5; do
		a=$(date +%s%N); "$@" >/dev/null 2>&1 || return; b=$(date +%s%N)
		[ $i = 0 ] && continue
		us=$(( (b - a) / 1000 ))
		if [ -z "$best" ] || [ $us -lt $best ]; then best=$us; fi
	done
	printf '%s\t%s000\n' "$name" "$best"
}
t dd-100000 dd if=/dev/zero of=/dev/null bs=1 count=100000
t bash-20 bash -c 'for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do /bin/true; done'
t find-doc find /usr/share/doc
t python3-pass /usr/bin/python3 -c pass
t gcc-2000 gcc -c big.c -o big.o
S

run() {		# column command...
	column=$1
	shift
	"$@" ./bench >"$column.tsv" 2>"$column.err" || {
		echo "bench.sh: $column: bench ended early" >&2
		cat "$column.err" >&2
	}
	"$@" bash programs.sh >>"$column.tsv" 2>>"$column.err" ||
		echo "bench.sh: $column: the programs ended early" >&2
	best=
	for i in 1 2 3 4 5 6 7; do
		a=$(date +%s%N); "$@" /bin/true 2>>"$column.err" || return 0; b=$(date +%s%N)
		if [ -z "$best" ] || [ $((b - a)) -lt "$best" ]; then best=$((b - a)); fi
	done
	printf 'start-to-exit\t%s\n' "$best" >>"$column.tsv"
}
# User-mode Linux boots with this directory's script as its init; its kernel and
# shell come up and go down in what start-to-exit says, for there is no less.
run_uml() {
	cat >uml-init <<S
#!/bin/sh
PATH=$PATH
export PATH
mount -t proc proc /proc
mkdir -p /dev/shm
mount -t tmpfs tmpfs /dev/shm
cd $dir
BENCH_TRUE=$BENCH_TRUE
export BENCH_TRUE
if [ -e uml-rows ]; then
	./bench >uml.tsv
	bash programs.sh >>uml.tsv
fi
echo o >/proc/sysrq-trigger
sleep 10
S
	chmod +x uml-init
	mkdir uml-dir
	uml="linux.uml uml_dir=$dir/uml-dir mem=512M rootfstype=hostfs rootflags=/ rw"
	uml="$uml init=$dir/uml-init con=null con0=null,null quiet"
	touch uml-rows
	TMPDIR=$dir timeout 300 $uml </dev/null >/dev/null 2>&1 || echo "bench.sh: uml ended early" >&2
	rm uml-rows
	a=$(date +%s%N); TMPDIR=$dir timeout 60 $uml </dev/null >/dev/null 2>&1 || return 0; b=$(date +%s%N)
	printf 'start-to-exit\t%s\n' "$((b - a))" >>uml.tsv
}
cpu=$(awk '/^Cpus_allowed_list/ { split($2, a, /[-,]/); print a[1] }' /proc/self/status)
run native taskset -c "$cpu"
run inproc "$hyla" run --engine inproc --
run no-rewrite "$hyla" run --engine inproc --no-rewrite --
run ptrace "$hyla" run --engine ptrace --
columns="inproc no-rewrite ptrace"
if command -v runsc >/dev/null; then
	run runsc runsc --rootless --network=none do
	columns="$columns runsc"
fi
if command -v linux.uml >/dev/null; then
	run_uml
	columns="$columns uml"
fi
if command -v qemu-x86_64 >/dev/null; then	# not a kernel: the host's, translated
	run qemu-user qemu-x86_64
	columns="$columns qemu-user"
fi
# shellcheck disable=SC2086
set -- $columns
{
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
} | tee table
# For docs/: the same as a picture.
[ -z "${PLOT:-}" ] || awk -f "$here/plot.awk" table >"$PLOT"
