#!/bin/sh
# SPDX-License-Identifier: MIT
# balloon.sh HYLA [BOOT-OPTIONS]: the balloon, blown up and let down by QEMU's
# monitor. TAP.
hyla=$1
shift
opts=$*
. "$(dirname "$0")/tap.sh"
case " $opts " in
*" q35 "* | *" pc "*) bus=pci ;;
*) bus=device ;;
esac
# $1: the guest's script; it says what the monitor is to do with lines "monitor COMMAND".
run() {
	rm -f "$dir"/m.*
	mkfifo "$dir/m.in" "$dir/m.out" "$dir/guest"
	cat "$dir/m.out" >"$dir/monitor" &
	reader=$!
	timeout -k 2 60 "$hyla" boot $opts --accel tcg --mem 256M --timeout 50 --vmm-arg -monitor --vmm-arg "pipe:$dir/m" \
		--vmm-arg -device --vmm-arg "virtio-balloon-$bus$2" -- sh -c '
		until_total() { while t=$(awk "/MemTotal/ { print \$2 }" /proc/meminfo); ! [ "$t" "$1" "$2" ]; do sleep 0.05; done; }
		'"$1" >"$dir/guest" 2>"$dir/errors" &
	vm=$!
	exec 4<>"$dir/m.in"		# does not wait for QEMU
	while read -r word rest; do
		if [ "$word" = monitor ]; then
			echo "$rest" >&4
		else
			echo "$word${rest:+ $rest}"
		fi
	done <"$dir/guest"
	exec 4>&-
	wait $vm
	echo "rc $?"
	kill $reader 2>/dev/null
	rm -f "$dir/guest"
}
check "$(run 'echo monitor balloon 100
	until_total -lt 110000; echo small
	echo monitor balloon 200
	until_total -gt 190000; echo larger
	echo monitor balloon 256
	until_total -gt 240000; echo whole' | tr '\n' ' ')" "small larger whole rc 0 " "down, up, and whole again"
grep -q 'exit_group\|panic' "$dir/errors"
check $? 1 "no complaint"
check "$(run 'echo monitor balloon 60
	until_total -lt 70000
	head -c 60000000 /dev/zero >/tmp/f && cksum </tmp/f | cut -d" " -f2; rm /tmp/f
	dd if=/dev/zero of=/dev/null bs=120M count=1 2>/dev/null; echo $?' ,deflate-on-oom=on | tr '\n' ' ')" \
	"60000000 0 rc 0 " "deflate on OOM: programs get what they ask for"
check "$(run 'echo monitor balloon 40
	until_total -lt 50000
	dd if=/dev/zero of=/dev/null bs=120M count=1 2>/dev/null || echo refused' | tr '\n' ' ')" "refused rc 0 " \
	"without it a large request is refused"
check "$(run 'echo monitor balloon 1
	until_total -lt 40000; echo small
	sh -c "echo still here"
	echo monitor balloon 256
	until_total -gt 240000; echo whole' | tr '\n' ' ')" "small still here whole rc 0 " "a wish that cannot be met"

echo "1..$n"
echo "$((n - bad)) passed, $bad failed, 0 skipped"
[ "$bad" -eq 0 ]
