#!/bin/sh
# SPDX-License-Identifier: MIT
# attack.sh ATTACK HYLA-RUN...: guests that mean harm (attack.c), one run each.
# Good is: the run ends by itself; the guest's kernel survived (exit code 0), or the
# run ended with code 125 and a line that says so; no call of the guest's reached
# the host; another process of this host was left alone. With --pku among the
# options of the run, the kernel must survive each of them.
attack=$1
shift
closed=
case " $* " in *" --pku "*) closed=closed ;; esac
passed=0 failed=0
for name in $("$attack" $closed); do
	sleep 60 &
	victim=$!
	rm -f attack-got-out
	timeout "${ATTACK_TIMEOUT:-20}" "$@" -- "$attack" "$name" $closed >attack.log 2>&1 </dev/null
	code=$?
	why=
	case $code in
	0) ;;
	125)
		grep -q '^hyla: ' attack.log || why="no line of explanation"
		[ -z "$closed" ] || why="the kernel did not survive"
		;;
	124) why="hangs" ;;
	*) why="exit code $code" ;;
	esac
	kill -0 $victim 2>/dev/null || why="a host process is gone"
	kill $victim 2>/dev/null
	wait $victim 2>/dev/null
	[ -e attack-got-out ] && why="a host program was run"
	if [ -z "$why" ]; then
		echo "ok - $name: $(tail -n 1 attack.log)"
		passed=$((passed + 1))
	else
		echo "not ok - $name # $why"
		tail -n 5 attack.log | sed 's/^/# /'
		failed=$((failed + 1))
	fi
done
rm -f attack.log attack-got-out
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
