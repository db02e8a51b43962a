#!/bin/sh
# SPDX-License-Identifier: MIT
# cloud-hypervisor.sh HYLA.ELF ROOT.CPIO [WORDS]: boots an image of `hyla image`.
# `hyla boot --vmm cloud-hypervisor --initrd ROOT.CPIO` gives the same command.
exec cloud-hypervisor --kernel "${1:?hyla.elf}" --initramfs "${2:?root.cpio}" \
	--cmdline "${3:-loglevel=4}" --cpus boot=1 --memory size=128M \
	--console tty --serial null --rng src=/dev/urandom
