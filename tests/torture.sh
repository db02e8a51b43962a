#!/bin/sh
# SPDX-License-Identifier: MIT
# torture.sh HYLA-RUN...: random system calls and garbage ELF images under Hyla.
# The programs decide what passes; the kernel must only survive.
passed=0 failed=0
try() {
	name=$1
	shift
	if timeout 300 "$@" >torture.log 2>&1 </dev/null; then
		echo "ok - $name"
		passed=$((passed + 1))
	else
		echo "not ok - $name # exit $?"
		tail -n 5 torture.log | sed 's/^/# /'
		failed=$((failed + 1))
	fi
}
for seed in 1 2 3; do
	try "random calls, seed $seed" "$@" --timeout 250 -- ./abi-torture $seed 2000
	try "garbage ELF, seed $seed" "$@" --timeout 250 -- ./elf-torture /tmp $seed 300
done
rm -f torture.log
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
