#!/bin/sh
# SPDX-License-Identifier: MIT
# iso.sh HYLA.ELF ROOT.CPIO OUT.ISO: an ISO that boots by BIOS and UEFI through
# GRUB. Debian: apt-get install grub-pc-bin grub-efi-amd64-bin xorriso mtools
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mkdir -p "$dir/boot/grub"
strip -o "$dir/boot/hyla.elf" "${1:?usage: iso.sh HYLA.ELF ROOT.CPIO OUT.ISO}"
cp "${2:?root.cpio}" "$dir/boot/root.cpio"
cp "$(dirname "$0")/grub.cfg" "$dir/boot/grub/grub.cfg"
grub-mkrescue -o "${3:?out.iso}" "$dir"
