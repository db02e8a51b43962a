#!/bin/sh
# SPDX-License-Identifier: MIT
# kill.sh STRESS HYLA run OPTIONS...: somebody kills processes of a running guest,
# one after the other and at any moment. The run may end, with 125 and a line
# that says why, or go on without the guest processes that it has lost; it may
# not hang. Killed while everybody sleeps, nothing is lost: the run ends as it would.
set -u
stress=$1
hyla=$(realpath "$2")
shift 2
set -- "$hyla" "$@"
passed=0 failed=0 nr=0
dir=$(mktemp -d "$PWD/kill.XXXXXX")
trap 'rm -rf "$dir"' EXIT
cp "$stress" "$dir/stress"
cd "$dir" || exit 1

carriers() {	# of the run whose pid is $1
	for kernel in $(cat "/proc/$1/task/$1/children" 2>/dev/null); do
		cat "/proc/$kernel/task/$kernel/children" 2>/dev/null
	done
}

for seed in 1 2 3 4 5 6 7 8 9 10 11 12; do
	nr=$((nr + 1))
	"$@" --timeout 40 -- sh -c './stress 2 & for i in 1 2 3 4 5 6 7 8 9 10; do
		sh -c "kill -0 \$\$; /bin/true" | cat; done; wait' >out 2>&1 &
	run=$!
	kills=0
	while kill -0 $run 2>/dev/null && [ $kills -lt 40 ]; do
		set_of=$(carriers $run)
		# a different one each time, by seed; nobody's clock is that exact
		pick=$(echo "$set_of" | tr ' ' '\n' | grep . |
		       awk -v n=$((seed * 7 + kills * 3)) '{ p[NR] = $1 } END { if (NR) print p[n % NR + 1] }')
		[ -n "$pick" ] && kill -9 "$pick" 2>/dev/null
		kills=$((kills + 1))
		sleep 0.0$((seed % 9 + 1))
	done
	wait $run
	code=$?
	if [ $code -eq 124 ] || { [ $code -eq 125 ] && ! grep -q '^hyla: ' out; }; then
		echo "not ok $nr - kills, seed $seed: exit code $code"
		sed 's/^/# /' out | tail -n 5
		failed=$((failed + 1))
	else
		echo "ok $nr - kills, seed $seed: $kills, exit code $code"
		passed=$((passed + 1))
	fi
done

sleeps() {	# are all these processes in futex(2)?
	for pid in "$@"; do
		[ "$(cut -d' ' -f1 "/proc/$pid/syscall" 2>/dev/null)" = 202 ] || return 1
	done
}
nr=$((nr + 1))
"$@" --timeout 60 -- sh -c 'echo ready; sleep 4 & x=$(sleep 4; echo 6); wait; exit $x' >out 2>&1 &
run=$!
until grep -q ready out || ! kill -0 $run 2>/dev/null; do sleep 0.05; done
sleep 0.5
round=0
while [ $round -lt 5 ]; do
	set_of=$(carriers $run)
	# shellcheck disable=SC2086
	if sleeps $set_of; then
		kill -9 $set_of 2>/dev/null
		round=$((round + 1))
	fi
	kill -0 $run 2>/dev/null || break
	sleep 0.3
done
wait $run
code=$?
if [ ! -r /proc/self/syscall ]; then
	echo "ok $nr - all killed in their sleep # SKIP this host does not tell who sleeps"
elif [ $code -eq 6 ] && [ $round -gt 0 ]; then
	echo "ok $nr - all killed in their sleep, $round times"
	passed=$((passed + 1))
else
	echo "not ok $nr - all killed in their sleep, $round times: exit code $code"
	sed 's/^/# /' out | tail -n 5
	failed=$((failed + 1))
fi
echo "1..$nr"
echo "$passed passed, $failed failed, 0 skipped"
[ $failed -eq 0 ]
