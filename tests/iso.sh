#!/bin/sh
# SPDX-License-Identifier: MIT
# iso.sh HYLA HYLA.ELF: the ISO of vm/iso.sh in Bochs: a BIOS, GRUB, no hypervisor, and CPUs
# that QEMU's TCG has not got. TAP. Bochs counts 50 million instructions as a second and
# has a TSC of that rate, so the clock is right if the kernel measures 50 MHz.
hyla=$1
elf=$2
. "$(dirname "$0")/tap.sh"
here=$(cd "$(dirname "$0")" && pwd)
bios=/usr/share/bochs/BIOS-bochs-latest
vga=/usr/share/bochs/VGABIOS-lgpl-latest
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
"$hyla" image -o "$dir/root.cpio" "$dir/root"
sh "$here/../vm/iso.sh" "$elf" "$dir/root.cpio" "$dir/hyla.iso" >"$dir/iso.log" 2>&1
check $? 0 "an ISO is made"
printf 'c\nq\n' >"$dir/commands"	# for Bochs with its debugger; others ignore it

in_bochs() {	# CPU model
	rm -f "$dir/serial"
	cat >"$dir/bochsrc" <<S
config_interface: textconfig
display_library: rfb, options="timeout=0"
cpu: model=$1, ips=50000000, reset_on_triple_fault=0
clock: sync=none
megs: 128
romimage: file=$bios
vgaromimage: file=$vga
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=cdrom, path=$dir/hyla.iso, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev=$dir/serial
log: $dir/log
panic: action=fatal
error: action=ignore
info: action=ignore
debug: action=ignore
S
	timeout 200 bochs -q -f "$dir/bochsrc" -rc "$dir/commands" >"$dir/out" 2>&1 </dev/null
	tr -d '\r' <"$dir/serial" | sed -n 's/^row //p' >"$dir/rows"
}
row() { sed -n "s/^$1 //p" "$dir/rows"; }

# TSC deadlines; one-shot with XSAVE; one-shot without
for model in corei7_haswell_4770 corei7_sandy_bridge_2600k athlon64_venice; do
	in_bochs $model
	check "$(row booted)" Linux "$model: init runs"
	check "$(row mhz)" 50 "$model: the TSC's frequency"
	check "$(row slept | awk '{ print ($2 - $1 >= 2 && $2 - $1 < 2.5) }')" 1 "$model: two seconds"
	check "$(row status)" 7 "$model: processes"
	check "$(grep -c 'ACPI control: soft power off' "$dir/log")" 1 "$model: power-off"
done
echo "1..$n"
echo "$((n - bad)) passed, $bad failed, 0 skipped"
[ "$bad" -eq 0 ]
