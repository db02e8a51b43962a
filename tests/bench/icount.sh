#!/bin/sh
# SPDX-License-Identifier: MIT
# icount.sh [BUILD-DIR [BZIMAGE]]: the rows of bench.c in a virtual machine, in
# instructions, and beside them the same program under the Linux kernel BZIMAGE.
#
# QEMU's TCG with -icount shift=0 executes one instruction per nanosecond of the
# guest's clock, so what the program prints are instructions, exact and the same
# in each run whatever else the host does. Both kernels get the same static
# program as init, the same machine (q35, 256 MiB, 1 CPU) and the same flags.
# With TIMES=1 the same again without -icount, in nanoseconds. Needs musl-gcc (gcc -static otherwise).
set -eu
build=$(cd "${1:-.}" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
linux=${2:-}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cc=$(command -v musl-gcc || echo gcc)
"$cc" -static -O2 -std=gnu11 -s -o "$dir/bench" "$here/bench.c" -lpthread
printf 'int main(void) { return 0; }\n' >"$dir/true.c"
"$cc" -static -O2 -s -o "$dir/true" "$dir/true.c"

# As init: a Linux without a console device node would print nowhere.
cat >"$dir/init.c" <<'C'
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
int main(void)
{
	char *argv[] = { "bench", 0 }, *envp[] = { "BENCH_TRUE=/bin/true", 0 };

	if (fcntl(1, F_GETFD) < 0) {
		mknod("/dev/console", S_IFCHR | 0600, makedev(5, 1));
		open("/dev/console", O_RDWR);
		dup(0);
		dup(0);
	}
	execve("/bin/bench", argv, envp);
	return 1;
}
C
"$cc" -static -O2 -s -o "$dir/init" "$dir/init.c"
mkdir -p "$dir/root/bin" "$dir/root/dev/shm" "$dir/root/proc" "$dir/root/sys" "$dir/root/tmp" "$dir/root/run"
cp "$dir/bench" "$dir/true" "$dir/root/bin"
cp "$dir/init" "$dir/root/init"
"$build/hyla" image --epoch 0 -o "$dir/root.cpio" "$dir/root"

count="-icount shift=0,sleep=off -rtc base=2024-01-01,clock=vm"
in_hyla() {	# QEMU's words...
	for w in "$@"; do
		set -- "$@" --vmm-arg "$w"
		shift
	done
	timeout 300 "$build/hyla" boot --accel tcg --machine q35 --mem 256M --initrd "$dir/root.cpio" \
		"$@" </dev/null
}
in_linux() {
	rm -f "$dir/serial"
	timeout 900 qemu-system-x86_64 -accel tcg -M q35 -cpu max -m 256M -nodefaults -display none \
		-no-reboot -serial file:"$dir/serial" -kernel "$linux" -initrd "$dir/root.cpio" "$@" \
		-append "console=ttyS0 quiet panic=-1 rdinit=/init" </dev/null
	tr -d '\r' <"$dir/serial" | grep -E '^[a-z0-9-]+	[0-9.]+$' || {
		echo "icount.sh: that Linux printed nothing; the end of its console:" >&2
		tail -n 5 "$dir/serial" >&2
		exit 1
	}
}
table() {	# what, Linux's rows, Hyla's
	awk -F '\t' -v what="$1" 'FILENAME == ARGV[1] { linux[$1] = $2; next }
		!head++ { printf "%-12s %14s %14s %8s\n", what, "hyla", "linux", "ratio" }
		{ printf "%-12s %14.0f ", $1, $2
		  if ($1 in linux) printf "%14.0f %7.2fx\n", linux[$1], $2 / linux[$1]
		  else printf "%14s %8s\n", "-", "-" }' "$2" "$3"
}
: >"$dir/linux.tsv"
# shellcheck disable=SC2086
in_hyla $count >"$dir/hyla.tsv"
# shellcheck disable=SC2086
[ -z "$linux" ] || in_linux $count >"$dir/linux.tsv"
table instructions "$dir/linux.tsv" "$dir/hyla.tsv"
if [ -n "${TIMES:-}" ]; then
	in_hyla >"$dir/hyla.tsv"
	[ -z "$linux" ] || in_linux >"$dir/linux.tsv"
	table nanoseconds "$dir/linux.tsv" "$dir/hyla.tsv"
fi
