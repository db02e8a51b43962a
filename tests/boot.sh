#!/bin/sh
# SPDX-License-Identifier: MIT
# boot.sh HYLA: streams, signals, exit codes and faults of `hyla boot`. TAP.
hyla=$1
. "$(dirname "$0")/tap.sh"
boot() { "$hyla" boot --accel tcg --timeout 60 "$@"; }
code() { "$@" >/dev/null 2>&1; echo $?; }

# ---- streams ----
head -c 3000000 /dev/urandom >"$dir/in"
sum=$(cksum <"$dir/in")
check "$(boot -- cat <"$dir/in" | cksum)" "$sum" "file to pipe"
boot -- cat <"$dir/in" >"$dir/out"
check "$(cksum <"$dir/out")" "$sum" "file to file"
check "$(cat "$dir/in" | boot -- cat | (sleep 0.5; cat) | cksum)" "$sum" "slow reader"
check "$( (head -c 1000000 "$dir/in"; sleep 0.5; tail -c +1000001 "$dir/in") | boot -- cat | cksum)" \
	"$sum" "slow writer"
check "$(boot -- cat </dev/null | wc -c | tr -d ' ')" 0 "empty input"
check "$(boot -- cat <&- | wc -c | tr -d ' ')" 0 "closed input"
check "$(boot -- yes | head -n 1)" y "reader goes away"
(boot -- yes; echo $? >"$dir/code") | head -n 1 >/dev/null
check "$(cat "$dir/code")" 141 "and the program dies of SIGPIPE"
check "$(boot -- sh -c 'echo a; echo b >&2; echo c' 2>&1 | tr '\n' ' ')" "a b c " "one pipe keeps the order"
check "$(boot -- sh -c 'echo a; echo b >&2' 2>/dev/null)" a "standard error is apart"
check "$(echo 5 | boot -- sh -c 'read x; echo $((x + 1))')" 6 "a line of input"

# ---- exit codes ----
check "$(code boot -- true)" 0 "exit 0"
check "$(code boot -- sh -c 'exit 42')" 42 "exit 42"
check "$(code boot -- sh -c 'kill -9 $$')" 137 "killed by a signal"
check "$(code boot -- /nonexistent)" 127 "no such program"
check "$(code boot -- /etc/passwd)" 126 "not executable"
check "$(code boot --timeout 1 -- sleep 60)" 124 "timeout"
check "$(code boot --disk "$dir/none" -- true)" 125 "no such disk"
check "$(code boot --no-such-option -- true)" 125 "unknown option"
check "$(code boot --bind /nonexistent:/mnt -- true)" 125 "nothing to bind"
check "$(PATH=/nonexistent code boot -- true)" 125 "no QEMU"
"$hyla" boot --accel tcg --timeout 60 -- sh -c 'trap "exit 9" TERM; echo up; while :; do sleep 0.1; done' >"$dir/up" &
pid=$!
while ! [ -s "$dir/up" ]; do sleep 0.1; done
kill -TERM $pid
wait $pid
check $? 9 "SIGTERM reaches the program"

# ---- files and machines ----
mkdir "$dir/share"
echo there >"$dir/share/file"
check "$(boot --bind "$dir/share:/mnt" -- sh -c 'cat /mnt/file; echo back >/mnt/new')" there "bind"
check "$(cat "$dir/share/new")" back "and what the guest wrote"
check "$(code boot --bind "$dir/share:/none/there" -- /bin/true)" 125 "a bind on what is not there"
check "$(boot --bind "$dir/share:/mnt:ro" -- sh -c 'echo x >/mnt/no 2>/dev/null; echo $?')" 2 "read-only bind"
check "$(boot --cpus 2 -- nproc)" 2 "two CPUs"
check "$(boot --machine pc -- uname -s)" Linux "pc"
now=$(date +%s)
there=$(boot -- date +%s)
check "$((there - now >= -1 && there - now < 10))" 1 "wall clock"
for i in 1 2 3 4 5 6 7; do
	mkdir "$dir/b$i"
	echo "$i" >"$dir/b$i/f"
	set -- "$@" --bind "$dir/b$i:/tmp/b$i"
done
shift
check "$(boot "$@" -- sh -c 'cat /tmp/b*/f' | tr -d '\n')" 1234567 "more devices than slots without ACPI"

# ---- an image ----
if command -v busybox >/dev/null && ! ldd "$(command -v busybox)" >/dev/null 2>&1; then
	mkdir -p "$dir/root/bin" "$dir/root/etc"
	cp "$(command -v busybox)" "$dir/root/bin/busybox"
	ln -s busybox "$dir/root/bin/sh"
	printf '#!/bin/sh\necho init runs\nexit 3\n' >"$dir/root/init"
	chmod 755 "$dir/root/init"
	"$hyla" image -o "$dir/root.cpio" "$dir/root"
	"$hyla" image -o "$dir/again.cpio" "$dir/root"
	check "$(cmp "$dir/root.cpio" "$dir/again.cpio" && echo same)" same "images repeat"
	check "$(boot --initrd "$dir/root.cpio"; echo $?)" "init runs
3" "init of an image"
	check "$(boot --mem 8M --initrd "$dir/root.cpio" -- /bin/busybox echo small)" small "8 MiB"
	check "$("$hyla" run --initrd "$dir/root.cpio" -- /bin/sh -c 'echo $0')" /bin/sh "the same image hosted"
	head -c 5000 "$dir/root.cpio" >"$dir/short.cpio"
	boot --initrd "$dir/short.cpio" -- /bin/sh >"$dir/msg" 2>&1
	check "$? $(grep -c 'corrupt cpio' "$dir/msg")" "127 1" "a corrupt image is named"
	rm "$dir/root/init"
	"$hyla" image -o "$dir/noinit.cpio" "$dir/root"
	rm -f "$dir/root/bin/sh"
	"$hyla" image -o "$dir/noinit.cpio" "$dir/root"
	boot --initrd "$dir/noinit.cpio" >"$dir/msg" 2>&1
	check "$? $(grep -c 'init: No such file' "$dir/msg")" "127 1" "no init"
fi

# ---- runs that repeat ----
if [ -f "$dir/root.cpio" ]; then
	boot --record "$dir/rr" --initrd "$dir/root.cpio" -- /bin/busybox sh -c '
		b=/bin/busybox; $b date; $b head -c 16 /dev/urandom | $b od -x; echo error >&2; $b cat
		$b mount; $b dd if=/dev/urandom bs=1k count=1000 2>/dev/null; $b sleep 0.1; $b date; exit 9' \
		<"$dir/in" >"$dir/rr.out" 2>"$dir/rr.err"
	check "$? $(wc -c <"$dir/rr.err")" "9 6" "a run is recorded, without input"
	for machine in again "and again"; do
		boot --replay "$dir/rr" >"$dir/rr.out2" 2>"$dir/rr.err2"
		check "$? $(cmp "$dir/rr.out" "$dir/rr.out2" && cmp "$dir/rr.err" "$dir/rr.err2" && echo same)" "9 same" \
			"and replayed, $machine"
	done
	check "$(boot --replay "$dir/rr" | (sleep 1; cksum))" "$(cksum <"$dir/rr.out")" "to a slow reader"
	boot --machine q35 --record "$dir/rr" --initrd "$dir/root.cpio" --append hyla.panic=1 >/dev/null 2>"$dir/rr.err"
	boot --replay "$dir/rr" >/dev/null 2>"$dir/rr.err2"
	check "$? $(cmp "$dir/rr.err" "$dir/rr.err2" && grep -c 'kernel panic' "$dir/rr.err2")" "125 1" "q35: a panic again"
	check "$(code boot --record "$dir/rr" -- true) $(code boot --replay "$dir/none") $(code boot --replay "$dir/rr" -- true)" \
		"125 125 125" "what cannot be recorded and replayed"
fi

# ---- by hand: Linux's words on the command line ----
byhand() {	# words of the command line, QEMU's other options
	words=$1
	shift
	timeout 60 qemu-system-x86_64 -M microvm,acpi=off -accel tcg -cpu max -m 64 -nodefaults -no-user-config \
		-display none -no-reboot -global virtio-mmio.force-legacy=false -serial stdio \
		-device isa-debug-exit,iobase=0xf4,iosize=4 -kernel "$(dirname "$hyla")/hyla.elf" \
		-append "$words" "$@" </dev/null 2>&1
}
if [ -f "$dir/root.cpio" ] && [ -f "$(dirname "$hyla")/hyla.elf" ]; then
	check "$(byhand 'console=tty0 console=ttyS0,115200 quiet panic=1 ip=dhcp reboot=k pci=off init=/bin/busybox -- echo by hand' \
		-initrd "$dir/root.cpio" | tr -d '\r')" "by hand" "init=, arguments, console=ttyS0, words without effect"
	byhand 'console=ttyS0 rdinit=/init' -initrd "$dir/root.cpio" | grep -q 'init runs'
	check $? 0 "rdinit="
	check "$(byhand 'loglevel=7 init=/bin/busybox -- true' -initrd "$dir/root.cpio" -drive if=none,id=d,format=raw,file="$dir/in" \
		-device virtio-blk-device,drive=d | grep -c 'vda: 5[0-9]* sectors')" 1 "loglevel=7"
	check "$(byhand 'quiet init=/bin/busybox -- true' -initrd "$dir/root.cpio" -drive if=none,id=d,format=raw,file="$dir/in" \
		-device virtio-blk-device,drive=d | grep -c sectors)" 0 "quiet"
	check "$(byhand 'root=/dev/vda rootfstype=cpio ro console=ttyS0 init=/bin/busybox -- echo from disk' \
		-drive if=none,id=d,format=raw,file="$dir/root.cpio" -device virtio-blk-device,drive=d | tr -d '\r')" \
		"from disk" "root=/dev/vda rootfstype=cpio, no initrd"
	byhand 'root=/dev/vdb' >"$dir/msg"
	check "$? $(grep -c 'there is no such disk' "$dir/msg") $(grep -c 'panic: no root' "$dir/msg")" "37 1 1" "a root that is missing"
	byhand 'root=/dev/vda rootfstype=ext9 rw' -drive if=none,id=d,format=raw,file="$dir/root.cpio" \
		-device virtio-blk-device,drive=d >"$dir/msg"
	check "$? $(grep -c 'root=/dev/vda: error 19' "$dir/msg")" "37 1" "a file system that is none"
	byhand 'quiet' >"$dir/msg"
	check "$(grep -c 'init: No such file' "$dir/msg")" 1 "nothing at all to run"
	byhand 'virtio_mmio.device=512@0:1 virtio_mmio.device=1@0xffffffffffffffff:99999 virtio_mmio.device=x mem=zz init=/bin/busybox console=ttyS0 -- echo fine' \
		-initrd "$dir/root.cpio" | grep -q fine
	check $? 0 "devices that are not there, sizes that are none"
fi

# ---- a network ----
arp() {	# machine, bus, more
	machine=$1
	bus=$2
	shift 2
	boot --machine "$machine" --log 6 --append hyla.arp=10.0.2.2 --vmm-arg -netdev --vmm-arg user,id=n0,restrict=on \
		--vmm-arg -device --vmm-arg "virtio-net-$bus,netdev=n0,mac=52:54:00:12:34:56" "$@" -- sh -c '
		i=0; while [ $i -lt 100 ] && ! awk "/eth0/ { exit \$3 == 0 }" /proc/net/dev; do sleep 0.05; i=$((i + 1)); done
		awk "/eth0/ { print \$2, \$3, \$10, \$11 }" /proc/net/dev' 2>&1 | tr -d '\r' | sed 's/^\[[^]]*\] //' | grep '^[0-9e]'
}
check "$(arp microvm device | sort)" "64 1 42 1
eth0: 10.0.2.2 is at 52:55:0a:00:02:02" "virtio-net: ARP, MMIO"
check "$(arp q35 pci --cpus 2 | sort)" "64 1 42 1
eth0: 10.0.2.2 is at 52:55:0a:00:02:02" "virtio-net: ARP, PCI, 2 CPUs"

# ---- CPUs that are none ----
for without in nx syscall apic fxsr sse2 tsc pge; do
	boot --timeout 10 --vmm-arg -cpu --vmm-arg qemu64,-$without -- true >"$dir/msg" 2>&1
	check "$? $(grep -c 'hyla: the CPU lacks' "$dir/msg") $(wc -l <"$dir/msg" | tr -d ' ')" "125 1 2" "a CPU without $without"
done
boot --timeout 10 --vmm-arg -cpu --vmm-arg 486 -- true >"$dir/msg" 2>&1
check "$? $(grep -c 'hyla: the CPU lacks long mode or NX' "$dir/msg")" "125 1" "a CPU of 1989"

# ---- killed ----
for who in QEMU hyla; do
	[ -r /proc/$$/task/$$/children ] || break
	: >"$dir/up"
	"$hyla" boot --accel tcg --timeout 60 -- sh -c 'echo up; sleep 60' >"$dir/up" 2>"$dir/msg" &
	pid=$!
	while ! [ -s "$dir/up" ]; do sleep 0.1; done
	qemu=$(cat "/proc/$pid/task/$pid/children" | tr -d ' ')
	kill -9 "$([ $who = QEMU ] && echo "$qemu" || echo "$pid")"
	wait $pid 2>/dev/null
	rc=$?
	i=0
	while [ -d "/proc/$qemu" ] && [ $i -lt 50 ]; do sleep 0.1; i=$((i + 1)); done
	check "$rc $([ -d "/proc/$qemu" ] && echo alive)$([ $who = QEMU ] && grep -c 'machine died' "$dir/msg")" \
		"$([ $who = QEMU ] && echo '125 1' || echo '137 ')" "$who is killed"
done

# ---- ACPI tables that lie ----
table() {	# signature, what follows the header, in printf's escapes
	printf "$2" >"$dir/$1.table"
	set -- "$@" "$dir/$1.table"
	boot --machine q35 --cpus 2 --vmm-arg -acpitable --vmm-arg "sig=$1,data=$3" -- sh -c 'nproc; cat /proc/version | cut -c1-5' 2>/dev/null | tr '\n' ' '
}
z8='\0\0\0\0\0\0\0\0'
check "$(table APIC "\\0\\0\\340\\376\\1\\0\\0\\0\\0\\0")" "2 Linux " "MADT: an entry of length 0"
check "$(table APIC '\0\0\340\376\1\0\0\0\1\14\0\0\0\0\20\0\0\0\0\0\1\14\0\0\377\377\377\377\0\0\0\0\0\377')" "2 Linux " \
	"MADT: IOAPICs in memory, an entry that is cut off"
check "$(table APIC '\0\0\340\376\1\0\0\0\0\10\0\20\1\0\0\0')" "2 Linux " "MADT: a CPU that does not come"
check "$(table MCFG "$z8"'\0\0\20\0\0\0\0\0\0\0\0\377\0\0\0\0')" "2 Linux " "MCFG: in memory"
check "$(table MCFG "$z8"'\377\377\377\377\377\377\377\377\0\0\0\377\0\0\0\0')" "2 Linux " "MCFG: nowhere"
check "$(table MCFG '\0')" "2 Linux " "MCFG: too short"
check "$(table FACP "$z8$z8$z8$z8$z8$z8$z8$z8$z8$z8"'\377\377\377\377')" "2 Linux " "FADT: a reset register that is none"

if [ -f boot64.elf ]; then
	check "$(boot --kernel boot64.elf --cpus 2 -- nproc)" 2 "Linux's 64-bit boot protocol"
fi

# ---- sockets ----
if [ ! -e /dev/vhost-vsock ]; then
	boot --vsock cid=9 -- true >"$dir/msg" 2>&1
	check "$? $(grep -c '^hyla: /dev/vhost-vsock: ' "$dir/msg")" "125 1" "no vhost-vsock: one line"
fi
touch "$dir/v"
boot --vsock "$dir/v" -- true >"$dir/msg" 2>&1
check "$? $(grep -c '^hyla: .*exists' "$dir/msg")" "125 1" "a PATH that exists: one line"
check "$(boot --vsock cid=9 --dry-run -- true | grep -c 'vhost-vsock-device,guest-cid=9')" 1 "QEMU's device"
mkdir "$dir/empty"
"$hyla" image -o "$dir/empty.cpio" "$dir/empty"
check "$(boot --vmm firecracker --initrd "$dir/empty.cpio" --vsock /tmp/v,cid=9 --dry-run | tr -d ' \n' |
	grep -c '"vsock":{"guest_cid":9,"uds_path":"/tmp/v"},')" 1 "Firecracker's"
check "$(boot --vmm cloud-hypervisor --initrd "$dir/empty.cpio" --vsock /tmp/v --dry-run |
	grep -c "'--vsock' 'cid=3,socket=/tmp/v'")" 1 "Cloud Hypervisor's"

# ---- faults ----
boot --mem 2M -- true >"$dir/msg" 2>&1
check "$? $(grep -c 'out of memory' "$dir/msg")" "137 1" "too little memory: one line"
check "$(code boot --mem 1M -- true)" 125 "far too little memory"
mkdir "$dir/big"
head -c 1000000 /dev/urandom >"$dir/big/file"
"$hyla" image -o "$dir/big.cpio" "$dir/big"
boot --mem 2M --initrd "$dir/big.cpio" -- /file >"$dir/msg" 2>&1
check "$?" 125 "an initrd that would lie over the kernel"
check "$(grep -c '^hyla: too little memory: the kernel ends at' "$dir/msg")" 1 "and a line that says so"
check "$(boot --append mem=32M -- sh -c 'awk "/MemTotal/ { print (\$2 < 33000) }" /proc/meminfo')" 1 "mem="
boot --append mem=1100K -- true >"$dir/msg" 2>&1
check "$? $(grep -c 'too little memory' "$dir/msg")" "125 1" "no memory: one line"
boot --append hyla.panic=1 -- true >"$dir/msg" 2>&1
check "$? $(grep -c 'kernel panic' "$dir/msg")" "125 1" "a panic is reported"
check "$(grep -c 'init_main+0x' "$dir/msg")" 1 "with names of functions"

boot --append hyla.panic=stack -- true >"$dir/msg" 2>&1
check "$? $(grep -c 'panic: kernel stack overflow at .*recurse' "$dir/msg")" "125 1" "a kernel stack overflow is named"
check "$(grep -c '^rip .*rsp ' "$dir/msg") $(grep -c 'recurse.*times' "$dir/msg") $(grep -c 'init_main+0x' "$dir/msg")" \
	"1 1 1" "with registers and callers"

echo "1..$n"
echo "$((n - bad)) passed, $bad failed, 0 skipped"
[ "$bad" -eq 0 ]
