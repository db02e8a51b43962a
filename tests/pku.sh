#!/bin/sh
# SPDX-License-Identifier: MIT
# pku.sh BUILD-DIR [BZIMAGE]: `hyla run --pku` where there are protection keys: under
# a Linux kernel in QEMU, whose TCG has them on any host. BZIMAGE is that kernel;
# without it, one of Debian's for clouds is taken, which has all that is needed built
# in, from /boot or from where .ci/run puts it. Prints TAP, a line for each suite inside;
# skipped if there is no kernel.
#
# Two CPUs, for guests with one and with two. WRPKRU flushes TCG's TLB, so that the
# measurement at the start of a run finds it too slow: --pku is asked for. SMAP is
# left out, for TCG's IRET in user mode reads the stack with the kernel's rights.
# shellcheck disable=SC2086
set -u
build=$(cd "${1:?usage: pku.sh BUILD-DIR [BZIMAGE]}" && pwd)
tests=$(cd "${0%/*}" && pwd)
linux=${2:-}
skip() {
	echo "ok 1 - protection keys # SKIP $1"
	echo "0 passed, 0 failed, 1 skipped"
	exit 0
}
if [ -z "$linux" ]; then
	for k in /boot/vmlinuz-*-cloud-amd64 "$build"/linux/boot/vmlinuz-*-cloud-amd64; do
		[ ! -r "$k" ] || linux=$k
	done
fi
if [ -z "$linux" ] || [ ! -r "$linux" ]; then
	skip "no Linux kernel that can be read (linux-image-cloud-amd64)"
fi
command -v qemu-system-x86_64 >/dev/null || skip "no qemu-system-x86_64"
command -v cpio >/dev/null || skip "no cpio"
busybox=$(command -v busybox) || skip "no busybox"
. "$tests/tap.sh"

if "$build/hyla" doctor | grep -q 'PKU .*no protection'; then
	"$build/hyla" run --pku -- true 2>"$dir/line"
	check "$? $(grep -c '^hyla: --pku: ' "$dir/line")" "125 1" "--pku on a host without keys"
fi
root=$dir/root
mkdir -p "$root/bin" "$root/proc" "$root/sys" "$root/dev" "$root/tmp" "$root/t" "$root/run" \
	"$root/var/tmp"
cd "$build" || exit 1
programs="hyla attack stress abi-torture elf-torture"
abi=abi-tests
[ ! -x abi-tests-musl ] || abi=abi-tests-musl
cp $programs conformance.elf "$tests/torture/attack.sh" "$root/t"
cp "$abi" "$root/t/abi-tests"
cp -L "$busybox" "$root/bin/busybox"
# Shared libraries, at the same path.
for p in $programs "$abi" "$busybox"; do ldd "$p" 2>/dev/null; done |
	awk '$2 == "=>" && $3 ~ /^\// { print $3 } $1 ~ /^\// && $2 ~ /^\(/ { print $1 }' |
	sort -u | while read -r l; do
	mkdir -p "$root${l%/*}"
	cp -L "$l" "$root$l"
done

cat >"$root/t/cases" <<'EOF'
# name, seconds, command, whose exit code counts; its sums are told, too
t() {
	name=$1 seconds=$2
	shift 2
	timeout "$seconds" "$@" >"/tmp/$name" 2>&1 </dev/null
	code=$?
	echo "RESULT $name exit $code" $(grep -E '^[0-9]+ passed, [0-9]+ failed' "/tmp/$name" | tail -n 1)
	[ $code = 0 ] || grep -v '^ok' "/tmp/$name" | tail -n 15 | sed 's/^/# /'
}
hyla="./hyla run --log 3 --engine inproc"
export ATTACK_TIMEOUT=60
programs() {	# which, CPUs, families of ABI cases (all)
	h="$hyla --cpus $2 --pku"
	case $1 in
	tame)
		t abi-pku-${2}cpu 250 $h --timeout 240 -- ./abi-tests --all $3
		t conformance-pku-${2}cpu 60 $h --timeout 50 --kernel conformance.elf -- x
		;;
	wild)
		t attack-pku-${2}cpu 200 sh attack.sh ./attack $h
		t stress-pku-${2}cpu 60 $h --timeout 50 -- ./stress 3
		t torture-pku-${2}cpu 100 $h --timeout 90 -- ./abi-torture 1 300
		t elf-torture-pku-${2}cpu 100 $h --timeout 90 -- ./elf-torture /tmp 1 60
		;;
	esac
}
t doctor 20 sh -c './hyla doctor | grep -q "PKU .*default"'
t not-with-ptrace 20 sh -c './hyla run --engine ptrace --pku -- ./attack 2>/tmp/line; [ $? = 125 ] &&
	grep -q "^hyla: --pku: " /tmp/line'
programs tame 1 &
programs wild 1
wait
programs wild 2
programs tame 2 "smp. thread. fork. clone. exec. signal. sigframe. eintr. futex. vm. mmap vector. wait."
for a in wrpkru wrpkru-open wrpkru-close vsyscall; do
	t $a-no-pku 60 $hyla --no-pku --timeout 50 -- ./attack $a
done
t stress-no-pku-2cpu 60 $hyla --cpus 2 --no-pku --timeout 50 -- ./stress 3
echo DONE
EOF
cat >"$root/init" <<'EOF'
#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tmpfs tmp /tmp
cd /t
sh cases 2>&1
poweroff -f
EOF
chmod +x "$root/init"
(cd "$root" && find . | cpio -o -H newc 2>/dev/null) >"$dir/initrd"

timeout 600 qemu-system-x86_64 -accel tcg,thread=multi -M q35 -cpu max,-smap -smp 2 -m 1G \
	-nodefaults -display none -no-reboot -serial file:"$dir/serial" -kernel "$linux" \
	-initrd "$dir/initrd" -append "console=ttyS0 loglevel=0 panic=-1" </dev/null
tr -d '\r' <"$dir/serial" >"$dir/out"
finished=
while read -r word name result; do
	case $word in
	RESULT)
		echo "# $name $result"
		set -- $result
		check "$1 $2" "exit 0" "$name"
		;;
	"#") echo "# $name $result" ;;
	DONE) finished=yes ;;
	esac
done <"$dir/out"
check "$finished" yes "the end of the list"
[ -n "$finished" ] || tail -n 5 "$dir/out" | sed 's/^/# /'
echo "$((n - bad)) passed, $bad failed, 0 skipped"
[ "$bad" -eq 0 ]
