#!/bin/bash
# SPDX-License-Identifier: MIT
# oom.sh HYLA ABI-TESTS [STRIDE [PREFIX...]]: fail the Nth allocation of ABI cases.
#
# For each case and N = 1, 1+STRIDE, ... up to the number of allocations that the
# case makes: one run of the machine with the Nth allocation failed. The case may
# fail or die, the kernel may not (exit status 125, or a panic), nor hang. Each run
# checks itself for leaks: what is in use at the end (slab objects, tasks) must be
# what the undisturbed run had. STRIDE 1 is the whole run; the default samples.
set -u
hyla=$1 abi=$2 stride=${3:-97}
shift 3 2>/dev/null || shift $#
passed=0 failed=0 skipped=0
list=$("$abi" --list)
[ $# -eq 0 ] || list=$(for p in "$@"; do grep "^$p" <<<"$list"; done)
tmp=$(mktemp)
trap 'rm -f "$tmp"' EXIT

run() { # N
	# A case that waits for a child which could not start is ended from within,
	# so that time running out here always means a kernel that hangs.
	timeout 90 "$hyla" run --engine ptrace --seed 1 --stats --fail-nth "$1" --timeout 60 -- \
		timeout -s KILL 5 "$abi" "$case" >"$tmp" 2>&1 </dev/null
}
# What must not grow: objects that no cache keeps.
counters() {
	grep -oE 'slab (task_cache|process_cache|mm_cache|vma_cache|file_cache|cred_cache|sighand_cache|pipe[a-z_]*|posix_timer_cache|sigqueue_cache) [0-9]+' "$tmp" | sort
}
for case in $list; do
	run 999999999
	base=$(counters)
	total=$(grep -oE 'allocs [0-9]+' "$tmp" | tail -n 1 | grep -oE '[0-9]+')
	if [ -z "$total" ]; then
		echo "not ok - $case # no statistics"
		failed=$((failed + 1))
		continue
	fi
	bad=
	for ((n = 1; n <= total; n += stride)); do
		run "$n"
		rc=$?
		if [ $rc -eq 124 ] || grep -qE 'panic|kernel crashed|the guest kernel' "$tmp" || [ $rc -eq 125 ]; then
			bad="allocation $n: exit $rc: $(grep -E 'panic|crashed' "$tmp" | head -n 1)"
			break
		fi
		more=$(awk 'NR == FNR { base[$2] = $3; next } $3 > base[$2] + 0 { print $2, "+" $3 - base[$2] }' \
			<(echo "$base") <(counters))
		if [ -n "$more" ]; then
			bad="allocation $n leaks: $more"
			break
		fi
	done
	if [ -n "$bad" ]; then
		echo "not ok - $case # $bad"
		failed=$((failed + 1))
	else
		echo "ok - $case # $total allocations"
		passed=$((passed + 1))
	fi
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
