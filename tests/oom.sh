#!/bin/bash
# SPDX-License-Identifier: MIT
# oom.sh HYLA RUN-OPTIONS...: fail each allocation from a program's start to the
# machine's end, for two small programs, a whole run for each. What programs do in
# between is `abi-tests --oom` (tests/abi/oom.c).
#
# The program may fail or die, the kernel may not (a panic, or hyla's own exit
# status without a word of the guest), nor hang. Each run checks itself for leaks:
# what is in use at the end must be what the undisturbed run had.
set -u
hyla=$1
shift
passed=0 failed=0
tmp=$(mktemp)
trap 'rm -f "$tmp"' EXIT

run() { # N PROGRAM ARGS...
	local n=$1
	shift
	timeout 60 "$hyla" run "${options[@]}" --seed 1 --stats --fail-nth "$n" --timeout 50 -- "$@" \
		>"$tmp" 2>&1 </dev/null
}
# What must not grow: objects that no cache keeps.
counters() {
	grep -oE 'slab (task_cache|process_cache|mm_cache|vma_cache|file_cache|cred_cache|sighand_cache|pipe[a-z_]*|posix_timer_cache|sigqueue_cache) [0-9]+' "$tmp" | sort
}
check() { # NAME PROGRAM ARGS...
	local name=$1 base total n rc more bad=
	shift
	run 999999999 "$@"
	base=$(counters)
	total=$(grep -oE 'allocs [0-9]+' "$tmp" | tail -n 1 | grep -oE '[0-9]+')
	[ "${total:-0}" -gt 0 ] || bad="no statistics"
	for ((n = 1; n <= ${total:-0} && ${#bad} == 0; n++)); do
		run "$n" "$@"
		rc=$?
		if [ $rc -eq 124 ] || [ $rc -eq 125 ] || grep -qE 'panic|kernel crashed|the guest kernel' "$tmp"; then
			bad="allocation $n: exit $rc: $(grep -E 'panic|crashed|hyla:' "$tmp" | head -n 1)"
		fi
		more=$(awk 'NR == FNR { base[$2] = $3; next } $3 > base[$2] + 0 { print $2, "+" $3 - base[$2] }' \
			<(echo "$base") <(counters))
		[ -z "$more" ] || bad="allocation $n leaks: $more"
	done
	if [ -n "$bad" ]; then
		echo "not ok - $name # $bad"
		failed=$((failed + 1))
	else
		echo "ok - $name # $total allocations"
		passed=$((passed + 1))
	fi
}

options=("$@")
check "a program" /bin/true
check "a pipeline" /bin/sh -c 'echo x | /bin/cat >/dev/null; exit 3'
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
