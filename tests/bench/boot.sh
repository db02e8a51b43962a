#!/bin/sh
# SPDX-License-Identifier: MIT
# boot.sh [HYLA]: how small and how fast a virtual machine's boot is. TSV lines:
# name, value, unit. Run in the build directory. QEMU's TCG is forced.
#
# Instruction counts are from -icount shift=0 (one instruction, one nanosecond):
# they do not depend on the host's load. Times are the least of N runs.
set -eu
hyla=${1:-./hyla}
runs=${RUNS:-10}
build=$(cd "$(dirname "$hyla")" && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

cat >"$dir/init.c" <<'C'
/* The smallest program: no libc. */
void _start(void)
{
	long r;

	__asm__ volatile("syscall" : "=a"(r) : "0"(1), "D"(1), "S"("hello\n"), "d"(6)
			 : "rcx", "r11", "memory");
	__asm__ volatile("syscall" : "=a"(r) : "0"(231), "D"(0) : "rcx", "r11", "memory");
	for (;;)
		;
}
C
mkdir "$dir/root"
gcc -static -nostdlib -Os -s -fno-asynchronous-unwind-tables -Wl,-z,noseparate-code \
	-o "$dir/root/init" "$dir/init.c"
"$hyla" image --epoch 0 -o "$dir/h.cpio" "$dir/root"
boot() { timeout 60 "$hyla" boot --accel tcg --initrd "$dir/h.cpio" "$@"; }
say() { printf '%s\t%s\t%s\n' "$1" "$2" "$3"; }

# ---- size ----
strip -o "$dir/stripped" "$build/hyla.elf"
say image.stripped "$(wc -c <"$dir/stripped")" bytes
size "$build/hyla.elf" | awk 'NR == 2 { printf "image.text\t%s\tbytes\nimage.data\t%s\tbytes\nimage.bss\t%s\tbytes\n", $1, $2, $3 }'

# ---- instructions ----
for mem in 64 128 512; do
	boot --mem ${mem}M --bootchart --vmm-arg -icount --vmm-arg shift=0,sleep=off \
		>"$dir/out" 2>"$dir/chart"
	grep '^boot:' "$dir/chart" | tail -n 1 | awk -v m=$mem '{ printf "insns.to-user.%sM\t%s\tinstructions\n", m, $2 }'
	[ $mem != 128 ] || grep '^boot:' "$dir/chart" | awk '{ n = $5; for (i = 6; i <= NF; i++) n = n " " $i; printf "insns.phase.%s\t%s\tinstructions\n", n, $4 }'
done

# ---- memory ----
for mem in 2 3 4 6 8 12 16; do
	if [ "$(boot --mem ${mem}M 2>/dev/null)" = hello ]; then
		say mem.least "$mem" MiB
		break
	fi
done

# ---- time ----
least() {	# command...: least wall time in ms
	best=999999
	i=0
	while [ $i -lt "$runs" ]; do
		t0=$(date +%s%N)
		"$@" >/dev/null 2>&1 || :
		t1=$(date +%s%N)
		t=$(((t1 - t0) / 10000))
		[ $t -ge $best ] || best=$t
		i=$((i + 1))
	done
	echo "$best" | awk '{ printf "%.1f", $1 / 100 }'
}
say time.qemu-version "$(least qemu-system-x86_64 --version)" ms
say time.hello.microvm "$(least boot --mem 128M)" ms
say time.hello.q35 "$(least boot --mem 128M --machine q35)" ms
