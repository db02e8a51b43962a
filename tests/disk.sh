#!/bin/sh
# SPDX-License-Identifier: MIT
# disk.sh HYLA run|boot [OPTIONS]: disks, compared with what the same commands do
# to a file on this host. TAP.
hyla=$1
world=$2
shift 2
. "$(dirname "$0")/tap.sh"
guest() { timeout 120 "$hyla" $world $opts --timeout 100 "$@"; }
opts=$*
sum() { cksum <"$1"; }

head -c 9999872 /dev/urandom >"$dir/a"
cp "$dir/a" "$dir/b"
head -c 3000000 /dev/urandom >"$dir/patch"
head -c 65536 /dev/zero >"$dir/small"

# ---- what it is ----
check "$(guest --disk "$dir/a" -- sh -c 'cksum </dev/vda')" "$(sum "$dir/a")" "the guest reads the file's bytes"
check "$(guest --disk "$dir/a" --disk "$dir/small" -- sh -c 'tail -n 2 /proc/partitions | tr -s " "')" \
	" 254 0 9765 vda
 254 16 64 vdb" "two disks in order"
check "$(guest --disk "$dir/a" -- stat -c '%F %t:%T %s' /dev/vda)" "block special file fe:0 0" "stat"
check "$(guest --disk "$dir/a" -- cat /sys/block/vda/size /sys/class/block/vda/dev \
	/sys/dev/block/254:0/queue/logical_block_size | tr '\n' ' ')" "19531 254:0 512 " "/sys"
check "$(guest --disk "$dir/a" -- sh -c 'head -c 1 /dev/vda >/dev/null; awk "{ print \$3, (\$4 > 0), \$8 }" /proc/diskstats')" "vda 1 0" "/proc/diskstats"
if command -v blockdev >/dev/null; then
	check "$(guest --disk "$dir/a" -- blockdev --getsize64 --getsz --getss --getpbsz --getro --getra /dev/vda | tr '\n' ' ')" \
		"9999872 19531 512 512 0 512 " "ioctls"
	check "$(guest --disk "$dir/a:ro" -- blockdev --getro /dev/vda)" 1 "read-only: ioctl"
	check "$(guest --disk "$dir/a" -- blockdev --flushbufs /dev/vda; echo $?)" 0 "BLKFLSBUF"
fi
check "$(guest -- sh -c 'ls /dev/vda 2>&1 | grep -c "No such file"; mknod /dev/n b 254 0; cat /dev/n 2>&1')" \
	"1
cat: /dev/n: No such device or address" "no disk"

# ---- writing ----
script='dd if=patch of=$1 bs=1000 seek=100 count=900 conv=notrunc
	dd if=patch of=$1 bs=64k seek=40 count=20 conv=notrunc
	dd if=patch of=$1 bs=512 seek=9999 count=3 oflag=direct conv=notrunc
	dd if=patch of=$1 bs=1 seek=5000001 count=17 conv=notrunc
	dd if=patch of=$1 bs=4096 seek=2440 count=1 conv=notrunc,fsync
	dd if=$1 of=copy bs=3333 skip=7 count=1000
	dd if=$1 of=copy bs=4096 skip=700 count=9 iflag=direct oflag=append conv=notrunc'
(cd "$dir" && sh -c "$script" sh b 2>/dev/null && mv copy copy.native)
guest --disk "$dir/a" --bind "$dir:/mnt" --cwd /mnt -- sh -c "$script" sh /dev/vda 2>/dev/null
check "$(sum "$dir/a")" "$(sum "$dir/b")" "writes of many shapes"
check "$(sum "$dir/copy")" "$(sum "$dir/copy.native")" "and reads"
check "$(guest --disk "$dir/a" -- sh -c 'dd if=/dev/zero of=/dev/vda bs=512 seek=19530 count=9 2>&1 | grep -c "No space left"')" \
	1 "a full disk"
check "$(guest --disk "$dir/a:ro" -- sh -c 'dd if=/dev/zero of=/dev/vda count=1 2>&1 | grep -c "not permitted"')" \
	1 "read-only: write"
check "$(guest --disk "$dir/a" -- sh -c 'dd if=/dev/zero of=/dev/vda bs=100 count=1 oflag=direct 2>&1 | grep -c "Invalid argument"')" \
	1 "O_DIRECT must be aligned"
if command -v blkdiscard >/dev/null; then
	cp "$dir/a" "$dir/b"
	dd if=/dev/zero of="$dir/b" bs=64k seek=8 count=4 conv=notrunc 2>/dev/null
	dd if=/dev/zero of="$dir/b" bs=64k seek=32 count=20 conv=notrunc 2>/dev/null
	check "$(guest --disk "$dir/a" -- sh -c 'cat /dev/vda >/dev/null; exec 3</dev/vda
		blkdiscard -o 524288 -l 262144 /dev/vda && blkdiscard -z -o 2097152 -l 1310720 /dev/vda
		cksum </dev/vda')" "$(sum "$dir/b")" "discard and write zeroes"
	check "$(sum "$dir/a")" "$(sum "$dir/b")" "and so on the host"
fi

# ---- at once, and with little memory ----
truncate -s 64M "$dir/c"
guest --disk "$dir/c" --mem 24M -- sh -c '
	for i in 0 1 2 3; do
		(yes "disk $i" | dd of=/dev/vda bs=32k iflag=fullblock seek=$((i * 512)) count=512 conv=notrunc 2>/dev/null) &
	done
	wait'
for i in 0 1 2 3; do yes "disk $i" | head -c 16777216; done >"$dir/d"
check "$(sum "$dir/c")" "$(sum "$dir/d")" "four writers, 24 MiB of memory, a disk of 64"
check "$(guest --disk "$dir/c" --mem 24M -- sh -c 'for i in 0 1 2 3; do (dd if=/dev/vda bs=32k skip=$((i * 512)) count=512 2>/dev/null | cksum) & done; wait' | sort)" \
	"$(for i in 0 1 2 3; do yes "disk $i" | head -c 16777216 | cksum; done | sort)" "four readers"

# ---- the root on a disk ----
if command -v busybox >/dev/null && ! ldd "$(command -v busybox)" >/dev/null 2>&1; then
	mkdir -p "$dir/root/bin"
	cp "$(command -v busybox)" "$dir/root/bin/busybox"
	head -c 500000 /dev/urandom >"$dir/root/data"
	ln "$dir/root/data" "$dir/root/hard"
	"$hyla" image -o "$dir/root.img" "$dir/root"
	check "$(guest --disk "$dir/root.img:ro" --root /dev/vda -- /bin/busybox cat /data /hard | cksum)" \
		"$(cat "$dir/root/data" "$dir/root/data" | cksum)" "root=/dev/vda: what hyla image made"
	head -c 1000000 "$dir/root.img" >"$dir/cut.img"
	guest --disk "$dir/cut.img" --root /dev/vda -- /bin/busybox true >"$dir/msg" 2>&1
	check "$? $(grep -c 'corrupt cpio archive' "$dir/msg") $(grep -c 'no root file system' "$dir/msg")" \
		"125 1 1" "a root that is cut off"
fi
guest --disk "$dir/patch" --root /dev/vda -- true >"$dir/msg" 2>&1
check "$? $(grep -c 'corrupt cpio archive' "$dir/msg")" "125 1" "a root that is none"

# ---- bad disks ----
check "$(guest --disk /nonexistent -- true 2>&1; echo $?)" \
	"hyla: /nonexistent: No such file or directory; --disk wants a raw disk image; FILE:ro only reads it
125" "no such file"
check "$(guest --disk /etc -- true >/dev/null 2>&1; echo $?)" 125 "a directory"
if [ "$world" = boot ]; then
	case " $opts " in
	*" q35 "* | *" pc "*) bus=pci ;;
	*) bus=device ;;
	esac
	broken() {	# QEMU's fault injection, what to run
		guest --vmm-arg -drive --vmm-arg "if=none,id=bad,driver=raw,file.driver=blkdebug,file.image.driver=file,file.image.filename=$dir/c,werror=report,file.inject-error.0.errno=5,$1" \
			--vmm-arg -device --vmm-arg virtio-blk-$bus,drive=bad -- sh -c "$2" 2>&1
	}
	check "$(broken file.inject-error.0.event=read_aio,file.inject-error.0.sector=1024 \
		'dd if=/dev/vda of=/dev/null bs=64k 2>&1 | grep -c "Input/output error"
		dd if=/dev/vda bs=512 skip=1023 count=1 2>/dev/null | wc -c
		dd if=/dev/vda bs=4k skip=129 count=2 2>/dev/null | wc -c
		echo x | dd of=/dev/vda conv=notrunc 2>/dev/null; echo $?' | grep -v 'I/O error, sector' | tr '\n' ' ')" \
		"1 512 8192 0 " "a sector that cannot be read: EIO, its neighbours can"
	check "$(broken file.inject-error.0.event=write_aio,file.inject-error.0.sector=2048 \
		'dd if=/dev/zero of=/dev/vda bs=64k count=32 2>&1 | grep -c "Input/output error"
		dd if=/dev/zero of=/dev/vda bs=512 seek=2047 count=1 2>/dev/null; echo $?' |
		grep -v 'I/O error, sector' | tr '\n' ' ')" "1 0 " "a sector that cannot be written"
	check "$(broken file.inject-error.0.event=flush_to_disk \
		'dd if=/dev/zero of=/dev/vda count=1 conv=fsync 2>&1 | grep -c "fsync failed"' |
		grep -v 'I/O error, sector')" 1 "a flush that fails"
	head -c 999424 "$dir/a" >"$dir/head"
	check "$(guest --disk "$dir/a" --vmm-arg -global --vmm-arg "virtio-blk-$bus.num-queues=4" \
		--vmm-arg -global --vmm-arg "virtio-blk-$bus.logical_block_size=4096" \
		--vmm-arg -global --vmm-arg "virtio-blk-$bus.physical_block_size=4096" -- \
		sh -c 'head -c 999424 /dev/vda | cksum; echo abc | dd of=/dev/vda bs=1 seek=4094 conv=notrunc 2>/dev/null
		dd if=/dev/vda bs=1 skip=4094 count=3 2>/dev/null')" \
		"$(sum "$dir/head")
abc" "four queues, blocks of 4 KiB"
	for i in 1 2 3 4 5 6 7 8; do
		head -c 4096 /dev/zero | tr '\0' "$i" >"$dir/m$i"
		set -- "$@" --disk "$dir/m$i"
	done
	while [ "$1" != --disk ]; do shift; done
	check "$(guest "$@" -- sh -c 'for d in /dev/vd?; do head -c 1 $d; done')" 12345678 "eight disks in order"
fi

echo "1..$n"
echo "$((n - bad)) passed, $bad failed, 0 skipped"
[ "$bad" -eq 0 ]
