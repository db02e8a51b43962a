#!/bin/sh
# SPDX-License-Identifier: MIT
# Prints src/sources.am: the lists of files that Makefile.am includes.
cd "$(dirname "$0")/.." || exit 1
list() {	# variable, files...
	name=$1
	shift
	printf '%s =' "$name"
	for f in "$@"; do printf ' \\\n\t%s' "$f"; done
	printf '\n\n'
}
kernel_part='boot|clock|cpu|dispatch|transport|tlb|tlb_[a-z]+|ptrace|pt_[a-z]+|inproc|in_[a-z_]+'
printf '# SPDX-License-Identifier: MIT\n# Made by tools/sources.sh; run it again after adding a file.\n\n'
list CORE_FILES $(find src/lib src/mm src/kernel src/fs src/net src/virtio \
	-name '*.[ch]' ! -path '*/vdso/*' | LC_ALL=C sort) src/kernel/switch.S
list ABI_FILES $(find src/abi src/hal -maxdepth 1 -name '*.h' | LC_ALL=C sort)
list HOSTED_KERNEL_FILES $(find src/hal/hosted -name '*.[cS]' | LC_ALL=C sort |
	grep -E "/($kernel_part)\.c$|entry\.S$|in_[a-z_]+\.S$")
list HOSTED_USER_FILES $(find src/hal/hosted -name '*.[ch]' | LC_ALL=C sort |
	grep -vE "/($kernel_part)\.c$")
list CLI_FILES $(find src/cli -name '*.[ch]' | LC_ALL=C sort)
list BAREMETAL_FILES $(find src/hal/baremetal -name '*.[chS]' | LC_ALL=C sort)
list SIM_FILES $(find src/hal/sim -name '*.[ch]' | LC_ALL=C sort)
list UNIT_FILES $(find tests/unit -maxdepth 1 -name '*.[ch]' 2>/dev/null | LC_ALL=C sort)
list ABI_TEST_FILES $(find tests/abi -name '*.[ch]' | LC_ALL=C sort | grep -v torture)
list HAL_TEST_FILES $(find tests/hal -name '*.[chS]' | LC_ALL=C sort | grep -vE 'p9_test|cat\.c')
