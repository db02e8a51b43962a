#!/bin/sh
# SPDX-License-Identifier: MIT
# boot.sh [HYLA]: how small and how fast a virtual machine's boot is. TSV lines:
# name, value, unit. Run in the build directory. QEMU's TCG is forced.
#
# Instruction counts are from -icount shift=0 (one instruction, one nanosecond):
# they do not depend on the host's load. Times are the least of $RUNS runs (10).
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

# What the linker was given, by folder; it leaves some of it out.
(cd "$build" && find src -name 'libcore_a-*.o' -o -name 'libbaremetal_a-*.o') |
	(cd "$build" && xargs size) | awk '$1 + 0 {
	n = $6; sub(/^src\//, "", n); sub(/\/[^\/]*$/, "", n)
	text[n] += $1; data[n] += $2; bss[n] += $3
} END {
	for (n in text)
		printf "image.%s\t%d %d %d\tbytes of text, data, bss\n", n, text[n], data[n], bss[n]
}' | sort

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

# What programs do not get of 128 MiB: by MemTotal, as the kernel counts it at its start, and
# by a program that touches pages until it is killed (its page tables not counted).
cat >"$dir/touch.c" <<'C'
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void)
{
	long n = 0, last = 0, total = 0;
	char *m = mmap(NULL, 256l << 20, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	int fd[2];
	FILE *f;

	if (m == MAP_FAILED || pipe(fd))
		return 1;
	f = fopen("/proc/meminfo", "r");
	if (!f || fscanf(f, "MemTotal: %ld", &total) != 1)
		return 1;
	if (fork() == 0)
		for (;; n++) {
			m[n * 4096] = 1;
			if (write(fd[1], &n, sizeof(n)) != sizeof(n))
				_exit(1);
		}
	close(fd[1]);
	while (read(fd[0], &n, sizeof(n)) == sizeof(n))
		last = n;
	wait(NULL);
	printf("%ld %ld\n", total, (last + 1 + last / 512) * 4);
	return 0;
}
C
mkdir "$dir/touch"
gcc -static -O2 -s -o "$dir/touch/init" "$dir/touch.c"
"$hyla" image --epoch 0 -o "$dir/t.cpio" "$dir/touch"
timeout 60 "$hyla" boot --accel tcg --mem 128M --initrd "$dir/t.cpio" 2>/dev/null >"$dir/mem"
file=$(wc -c <"$dir/touch/init")
awk -v file="$file" '{
	printf "mem.not-in-total.128M\t%.2f\tMiB\n", 128 - $1 / 1024
	printf "mem.not-touchable.128M\t%.2f\tMiB\n", 128 - ($2 + file / 1024) / 1024
}' "$dir/mem"

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
# From QEMU's exec to the first byte: of a kernel that does nothing but write one to the
# serial port and end (the floor), and of init. Turn by turn, the least of each.
here=$(cd "$(dirname "$0")" && pwd)
gcc -O2 -o "$dir/firstbyte" "$here/firstbyte.c"
mkdir "$dir/bin"
ln "$dir/firstbyte" "$dir/bin/qemu-system-x86_64"
cat >"$dir/floor.S" <<'S'
	.section .note.pvh, "a", @note
	.long 4, 4, 18			/* XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz "Xen"
	.long _start
	.text
	.code32
	.globl _start
_start:
	mov $0x3f8, %dx
	mov $'h', %al
	out %al, %dx
	mov $0xf4, %dx			/* isa-debug-exit */
	out %al, %dx
1:	hlt
	jmp 1b
S
cat >"$dir/floor.lds" <<'S'
ENTRY(_start)
PHDRS { text PT_LOAD FLAGS(5); note PT_NOTE FLAGS(4); }
SECTIONS {
	. = 0x100000;
	.text : { *(.text) } :text
	.note : { *(.note.pvh) } :text :note
	/DISCARD/ : { *(.note.gnu*) *(.comment) }
}
S
gcc -static -nostdlib -Wl,--build-id=none -Wl,-T,"$dir/floor.lds" -o "$dir/floor" "$dir/floor.S"
first_floor() {
	"$dir/firstbyte" "$dir/none" qemu-system-x86_64 -nodefaults -no-user-config -no-reboot \
		-display none -machine microvm,acpi=off,pit=off,pic=off,rtc=off,x-option-roms=off \
		-accel tcg -cpu max -m 128M -serial stdio \
		-device isa-debug-exit,iobase=0xf4,iosize=4 -kernel "$dir/floor" </dev/null
}
first_hello() {
	FIRSTBYTE_STAMP="$dir/stamp" PATH="$dir/bin:$PATH" "$dir/firstbyte" "$dir/stamp" \
		"$hyla" boot --accel tcg --initrd "$dir/h.cpio" --mem 128M </dev/null
}
i=0
while [ $i -lt "$runs" ]; do
	first_floor >>"$dir/first.floor"
	first_hello >>"$dir/first.hello"
	i=$((i + 1))
done
floor=$(sort -n "$dir/first.floor" | head -n 1)
first=$(sort -n "$dir/first.hello" | head -n 1)
say time.first-byte.floor "$floor" ms
say time.first-byte.hello "$first" ms
say time.first-byte.ratio "$(awk -v a="$first" -v b="$floor" 'BEGIN { printf "%.2f", a / b }')" "of the floor"
say time.qemu-version "$(least qemu-system-x86_64 --version)" ms
say time.hello.microvm "$(least boot --mem 128M)" ms
say time.hello.q35 "$(least boot --mem 128M --machine q35)" ms
