#!/bin/sh
# SPDX-License-Identifier: MIT
# The console's ports are exact: usage: pipes.sh HYLA CAT.ELF   (TAP)
hyla=$1
cat=$2
n=0
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
run() { "$hyla" run --timeout 30 --kernel "$cat" -- cat; }
check() {
	n=$((n + 1))
	if [ "$1" = "$2" ]; then echo "ok $n - $3"; else echo "not ok $n - $3 (got $1, want $2)"; bad=1; fi
}
bad=0
head -c 3000000 /dev/urandom > "$dir/in"
sum=$(cksum < "$dir/in")
check "$(run < "$dir/in" | cksum)" "$sum" "file to pipe"
run < "$dir/in" > "$dir/out"
check "$(cksum < "$dir/out")" "$sum" "file to file"
printf 'before\n' > "$dir/out"
echo after | run >> "$dir/out"
check "$(cat "$dir/out")" "before
after" "append"
check "$(cat "$dir/in" | run | cksum)" "$sum" "pipe to pipe"
check "$(cat "$dir/in" | run | (sleep 0.3; cat) | cksum)" "$sum" "slow reader"
check "$( (head -c 1000000 "$dir/in"; sleep 0.3; tail -c +1000001 "$dir/in") | run | cksum)" "$sum" "slow writer"
mkfifo "$dir/fifo"
cat "$dir/in" > "$dir/fifo" &
check "$(run < "$dir/fifo" | cksum)" "$sum" "named fifo"
wait
check "$(run < /dev/null | wc -c | tr -d ' ')" 0 "empty input"
check "$(run <&- | wc -c | tr -d ' ')" 0 "closed input"
check "$(yes | run | head -n 1)" y "reader goes away"
(yes | (run; echo $? > "$dir/code") | head -n 1) > /dev/null
check "$(cat "$dir/code")" 3 "and the guest hears of it"
"$hyla" run --timeout 0.2 --kernel "$cat" -- cat 3<> "$dir/fifo" < "$dir/fifo" > /dev/null 2>&1
check $? 124 "timeout"
echo "1..$n"
exit $bad
