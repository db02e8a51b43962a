#!/bin/sh
# SPDX-License-Identifier: MIT
# kill.sh STRESS HYLA run OPTIONS...: somebody kills processes of a running guest,
# one after the other and at any moment. The run may end, with 125 and a line
# that says why, or go on without the guest processes that it has lost; it may
# not hang.
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
echo "1..$nr"
echo "$passed passed, $failed failed, 0 skipped"
[ $failed -eq 0 ]
