#!/bin/sh
# SPDX-License-Identifier: MIT
# limits.sh HYLA RUN-OPTIONS...: a limit of the host is an errno in the guest, and
# the guest goes on. (Mappings: tests/torture/mappings.c.)
set -u
hyla=$1
shift
passed=0 failed=0 skipped=0
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
chmod 755 "$dir"
# The host's process limit does not bind root, and others may not reach the build.
cp "$hyla" "$dir/hyla"
cat >"$dir/forks.pl" <<'P'
sub fill {
	my @children;
	while (@children < 500 && defined(my $pid = fork)) {
		if (!$pid) { sleep 1000; exit }
		push @children, $pid;
	}
	my $error = $!{EAGAIN} ? "EAGAIN" : "$!";
	kill "KILL", @children;
	waitpid $_, 0 for @children;
	return scalar(@children) . " $error";
}
my $first = fill();
my $second = fill();
print $first =~ /^[1-9]\d* EAGAIN$/ && $second =~ /^[1-9]\d* EAGAIN$/ ? "good\n" : "$first; $second\n";
P

uid=$(id -u)
[ "$uid" != 0 ] || uid=65534
as_nobody() {
	if [ "$(id -u)" = 0 ]; then
		setpriv --reuid 65534 --regid 65534 --clear-groups "$@"
	else
		"$@"
	fi
}
cd "$dir" || exit 1
got=$(as_nobody timeout 90 prlimit --nproc="$(($(ps -u $uid -o pid= | wc -l) + 40))" \
	./hyla run "$@" --timeout 60 -- perl forks.pl 2>&1)
if [ "$got" = good ]; then
	echo "ok - the host's process limit is EAGAIN, twice"
	passed=1
else
	echo "not ok - the host's process limit is EAGAIN, twice # $got"
	failed=1
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
