# SPDX-License-Identifier: MIT
# The suites, in order; sourced by run-all.sh in the build directory.
# shellcheck shell=sh disable=SC2154

if [ -x ./unit-tests ]; then
	suite unit ./unit-tests
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
suite programs bash "$tests/programs.sh" ./hyla
suite programs-ptrace bash "$tests/programs.sh" ./hyla --engine ptrace
suite hal-ptrace sh "$tests/conformance.sh" ./hyla run --engine ptrace --timeout 120 --kernel conformance.elf -- x
suite hal-inproc sh "$tests/conformance.sh" ./hyla run --engine inproc --timeout 120 --kernel conformance.elf -- x
suite torture-inproc sh "$tests/torture.sh" ./hyla run --engine inproc
suite torture-ptrace sh "$tests/torture.sh" ./hyla run --engine ptrace
suite oom-ptrace bash "$tests/oom.sh" ./hyla ./abi-tests 211 fork. pipe. signal. mmap. exec.
