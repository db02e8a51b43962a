# SPDX-License-Identifier: MIT
# For scripts that print TAP: `. "$(dirname "$0")/tap.sh"`. Gives $dir, a directory that goes
# with the script, and counts in $n and $bad.
# shellcheck shell=sh
n=0
bad=0
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
check() {	# got, want, what
	n=$((n + 1))
	if [ "$1" = "$2" ]; then
		echo "ok $n - $3"
	else
		echo "not ok $n - $3 (got '$1', want '$2')"
		bad=$((bad + 1))
	fi
}
