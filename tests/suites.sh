# SPDX-License-Identifier: MIT
# The suites, in order; sourced by run-all.sh in the build directory.
# shellcheck shell=sh disable=SC2154,SC2086

if [ -x ./unit-tests ]; then
	suite unit ./unit-tests
fi
if [ -x ./insn-check ]; then
	suite decoders ./insn-check $(ls /lib/x86_64-linux-gnu/libc.so.6 /lib64/ld-linux-x86-64.so.2 \
		/lib/ld-musl-x86_64.so.1 /usr/bin/busybox /bin/bash 2>/dev/null)
fi
suite abi-native ./abi-tests --all
suite abi-ptrace ./hyla run --engine ptrace --timeout 900 -- ./abi-tests --all
if [ -x ./abi-tests-musl ]; then
	suite abi-ptrace-musl ./hyla run --engine ptrace --timeout 900 -- ./abi-tests-musl --all
fi
suite abi-inproc ./hyla run --engine inproc --timeout 900 -- ./abi-tests --all
if [ -x ./abi-tests-musl ]; then
	suite abi-inproc-musl ./hyla run --engine inproc --timeout 900 -- ./abi-tests-musl --all
fi
suite abi-inproc-2cpu ./hyla run --engine inproc --cpus 2 --timeout 900 -- ./abi-tests --all
suite programs bash "$tests/programs.sh" ./hyla
suite programs-ptrace bash "$tests/programs.sh" ./hyla --engine ptrace
if command -v expect >/dev/null; then
	suite tty expect "$tests/tty.exp" ./hyla run
	suite tty-ptrace expect "$tests/tty.exp" ./hyla run --engine ptrace
fi
rm -f hal.vsock
suite hal-ptrace sh "$tests/conformance.sh" ./hyla run --engine ptrace --timeout 120 --vsock hal.vsock --kernel conformance.elf -- x
suite hal-inproc sh "$tests/conformance.sh" ./hyla run --engine inproc --timeout 120 --vsock hal.vsock --kernel conformance.elf -- x
suite hal-inproc-2cpu sh "$tests/conformance.sh" ./hyla run --engine inproc --cpus 2 --timeout 120 --vsock hal.vsock --kernel conformance.elf -- x
suite torture-inproc sh "$tests/torture.sh" ./hyla run --engine inproc
for engine in inproc ptrace; do
	suite stress-$engine sh "$tests/conformance.sh" ./hyla run --engine $engine --timeout 60 -- ./stress 5
	suite mappings-$engine sh "$tests/conformance.sh" ./hyla run --engine $engine --mem 1G --timeout 60 -- ./mappings
	suite limits-$engine sh "$tests/limits.sh" ./hyla --engine $engine
	suite attack-$engine sh "$tests/torture/attack.sh" ./attack ./hyla run --engine $engine
done
suite torture-inproc-2cpu sh "$tests/torture.sh" ./hyla run --engine inproc --cpus 2
suite stress-inproc-2cpu sh "$tests/conformance.sh" ./hyla run --engine inproc --cpus 2 --timeout 60 -- ./stress 5
suite attack-inproc-2cpu sh "$tests/torture/attack.sh" ./attack ./hyla run --engine inproc --cpus 2
suite pku sh "$tests/pku.sh" .
for cpus in 1 2; do
	suite kill-inproc-${cpus}cpu sh "$tests/torture/kill.sh" ./stress ./hyla run --engine inproc --cpus $cpus
done
suite share-inproc sh "$tests/share.sh" ./hyla run --engine inproc
suite disk-inproc sh "$tests/disk.sh" ./hyla run --engine inproc
if command -v python3 >/dev/null; then
	for engine in inproc ptrace; do
		suite vsock-$engine python3 "$tests/vsock.py" ./hyla run --engine $engine
	done
fi
suite torture-ptrace sh "$tests/torture.sh" ./hyla run --engine ptrace
suite oom-abi ./hyla run --engine inproc --timeout 900 -- ./abi-tests --oom=29
suite oom-inproc bash "$tests/oom.sh" ./hyla --engine inproc
suite oom-ptrace bash "$tests/oom.sh" ./hyla --engine ptrace
if [ -f hyla.elf ] && command -v qemu-system-x86_64 >/dev/null; then
	vm="./hyla boot --accel tcg --timeout 600"
	suite hal-vm sh "$tests/conformance.sh" $vm --vsock hal.vsock --kernel conformance-vm.elf -- x
	suite hal-vm-q35 sh "$tests/conformance.sh" $vm --machine q35 --cpus 2 --vsock hal.vsock --kernel conformance-vm.elf -- x
	suite unit-vm sh "$tests/conformance.sh" $vm --cpus 2 --kernel unit-vm.elf -- x
	suite abi-microvm $vm -- ./abi-tests --all
	suite abi-microvm-2cpu $vm --cpus 2 -- ./abi-tests --all
	suite abi-q35 $vm --machine q35 -- ./abi-tests --all
	suite abi-pc-oldcpu $vm --machine pc --vmm-arg -cpu --vmm-arg qemu64 -- ./abi-tests --all
	if [ -x ./abi-tests-musl ]; then
		suite abi-microvm-musl $vm -- ./abi-tests-musl --all
	fi
	if [ -x ./abi-tests-musl ]; then
		suite iso sh "$tests/iso.sh" ./hyla hyla.elf ./abi-tests-musl
	fi
	suite boot sh "$tests/boot.sh" ./hyla
	suite balloon sh "$tests/balloon.sh" ./hyla --cpus 2
	suite share-microvm sh "$tests/share.sh" ./hyla boot --accel tcg
	suite disk-microvm-2cpu sh "$tests/disk.sh" ./hyla boot --accel tcg --cpus 2
	suite disk-q35 sh "$tests/disk.sh" ./hyla boot --accel tcg --machine q35
	HYLA_WORLD=boot
	export HYLA_WORLD
	suite programs-microvm bash "$tests/programs.sh" ./hyla --accel tcg
	unset HYLA_WORLD
	if command -v python3 >/dev/null; then
		HYLA_VSOCK_MB=8 HYLA_VSOCK_TESTS="data last_words"
		export HYLA_VSOCK_MB HYLA_VSOCK_TESTS
		suite vsock-microvm python3 "$tests/vsock.py" ./hyla boot --accel tcg
		suite vsock-q35-2cpu python3 "$tests/vsock.py" ./hyla boot --accel tcg --machine q35 --cpus 2
		unset HYLA_VSOCK_MB HYLA_VSOCK_TESTS
	fi
	suite torture-microvm sh "$tests/torture.sh" ./hyla boot --accel tcg --cpus 2
fi
