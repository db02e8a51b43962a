#!/bin/sh
# SPDX-License-Identifier: MIT
#
# native.sh OUTDIR [PREFIX...]: build the ABI tests with gcc and, if there is one,
# musl-gcc, and run them on this machine: as the caller, and as nobody when root.

set -e
src=$(cd "$(dirname "$0")" && pwd)
out=${1:?usage: native.sh OUTDIR [PREFIX...]}
shift
flags="-std=gnu11 -O1 -g -Wall -Wextra -Werror"
failed=0

sources=
for f in "$src"/*.c; do
	case $f in
	*torture.c) ;;
	*) sources="$sources $f" ;;
	esac
done

# shellcheck disable=SC2086
build() {
	mkdir -p "$out/$1"
	$1 $flags $2 -o "$out/$1/abi-tests" $sources -lrt
	$1 $flags $2 -o "$out/$1/abi-torture" "$src/torture.c"
	$1 $flags $2 -o "$out/$1/elf-torture" "$src/elf_torture.c"
}

run() {
	echo "# $*"
	"$@" >"$out/log" 2>&1 || failed=1
	grep -v '^ok\|^TAP\|^1\.\.' "$out/log" || true
}

for cc in gcc musl-gcc; do
	command -v $cc >/dev/null || continue
	if [ $cc = gcc ]; then
		build $cc -pthread
	else
		build $cc "-static -pthread"
	fi
	run "$out/$cc/abi-tests" --all "$@"
	if [ "$(id -u)" = 0 ]; then
		run setpriv --reuid 65534 --regid 65534 --clear-groups \
			"$out/$cc/abi-tests" --all "$@"
	fi
	run "$out/$cc/abi-torture" 1 2000
	run "$out/$cc/elf-torture" "${TMPDIR:-/tmp}" 1 500
done
exit $failed
