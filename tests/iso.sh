#!/bin/sh
# SPDX-License-Identifier: MIT
# iso.sh HYLA HYLA.ELF [ABI-TESTS]: the ISO of vm/iso.sh in Bochs: a BIOS, GRUB, no
# hypervisor, and CPUs that QEMU's TCG has not got. TAP. Bochs counts 50 million instructions
# as a second and has a TSC of that rate, so the clock is right if the kernel measures 50 MHz.
# ABI-TESTS, a static program, is run whole with 2 CPUs; time is Bochs's, not the host's.
hyla=$1
elf=$2
abi=${3-}
. "$(dirname "$0")/tap.sh"
here=$(cd "$(dirname "$0")" && pwd)
bios=/usr/share/bochs/BIOS-bochs-latest
vga=/usr/share/bochs/VGABIOS-lgpl-latest
missing=
for need in bochs grub-mkrescue xorriso mformat; do
	command -v $need >/dev/null || missing="$missing $need"
done
for need in $bios $vga /bin/busybox /usr/lib/grub/i386-pc; do
	[ -e $need ] || missing="$missing $need"
done
if [ -n "$missing" ]; then
	echo "1..0 # SKIP no$missing"
	echo "0 passed, 0 failed, 1 skipped"
	exit 0
fi

mkdir "$dir/root"
cp /bin/busybox "$dir/root"
cat >"$dir/root/init" <<'S'
#!/busybox sh
echo row booted $(/busybox uname -s)
echo row mhz $(/busybox sed -n 's/^cpu MHz.*: //p' /proc/cpuinfo | /busybox cut -d. -f1)
a=$(/busybox cut -d' ' -f1 /proc/uptime)
/busybox sleep 2
echo row slept $a $(/busybox cut -d' ' -f1 /proc/uptime)
(exit 7)
echo row status $?
S
chmod +x "$dir/root/init"
make_iso() {	# root, ISO
	"$hyla" image -o "$dir/root.cpio" "$1"
	sh "$here/../vm/iso.sh" "$elf" "$dir/root.cpio" "$2" >"$dir/iso.log" 2>&1
}
make_iso "$dir/root" "$dir/hyla.iso"
check $? 0 "an ISO is made"
printf 'c\nq\n' >"$dir/commands"	# for Bochs with its debugger; others ignore it

in_bochs() {	# CPU model, CPUs, ISO
	rm -f "$dir/serial"
	cat >"$dir/bochsrc" <<S
config_interface: textconfig
display_library: rfb, options="timeout=0"
cpu: model=$1, count=$2, ips=50000000, reset_on_triple_fault=0
clock: sync=none
megs: 128
romimage: file=$bios
vgaromimage: file=$vga
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=cdrom, path=$3, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev=$dir/serial
log: $dir/log
panic: action=fatal
error: action=ignore
info: action=ignore
debug: action=ignore
S
	timeout 900 bochs -q -f "$dir/bochsrc" -rc "$dir/commands" >"$dir/out" 2>&1 </dev/null
	tr -d '\r' <"$dir/serial" >"$dir/text"
	sed -n 's/^row //p' "$dir/text" >"$dir/rows"
}
row() { sed -n "s/^$1 //p" "$dir/rows"; }

# TSC deadlines; one-shot with XSAVE; one-shot without
for model in corei7_haswell_4770 corei7_sandy_bridge_2600k athlon64_venice; do
	in_bochs $model 1 "$dir/hyla.iso"
	check "$(row booted)" Linux "$model: init runs"
	check "$(row mhz)" 50 "$model: the TSC's frequency"
	check "$(row slept | awk '{ print ($2 - $1 >= 2 && $2 - $1 < 2.5) }')" 1 "$model: two seconds"
	check "$(row status)" 7 "$model: processes"
	check "$(grep -c 'ACPI control: soft power off' "$dir/log")" 1 "$model: power-off"
done

if [ -n "$abi" ]; then
	mkdir "$dir/abi" "$dir/abi/bin" "$dir/abi/tmp"
	cp /bin/busybox "$abi" "$dir/abi/bin"
	ln -s busybox "$dir/abi/bin/sh"
	printf '#!/bin/busybox sh\necho row cpus $(busybox nproc)\ncd /tmp\nexec /bin/%s --all\n' \
		"$(basename "$abi")" >"$dir/abi/init"
	chmod +x "$dir/abi/init"
	make_iso "$dir/abi" "$dir/abi.iso"
	in_bochs corei7_haswell_4770 2 "$dir/abi.iso"
	grep '^not ok' "$dir/text" | sed 's/^/# /'
	check "$(row cpus) $(grep -c '^not ok' "$dir/text")" "2 0" "2 CPUs: no ABI case fails"
	check "$(grep -c '^[0-9]* passed, 0 failed' "$dir/text")" 1 "2 CPUs: they come to their end"
fi
echo "1..$n"
echo "$((n - bad)) passed, $bad failed, 0 skipped"
[ "$bad" -eq 0 ]
