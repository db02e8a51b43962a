# SPDX-License-Identifier: MIT
# The suites, in order; sourced by run-all.sh in the build directory.
# shellcheck shell=sh disable=SC2154

suite abi-native ./abi-tests --all
suite abi-ptrace ./hyla run --engine ptrace --timeout 900 -- ./abi-tests --all
if [ -x ./abi-tests-musl ]; then
	suite abi-ptrace-musl ./hyla run --engine ptrace --timeout 900 -- ./abi-tests-musl --all
fi
suite programs sh "$tests/programs.sh" ./hyla
