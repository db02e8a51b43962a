#!/bin/sh
# SPDX-License-Identifier: MIT
# share.sh HYLA WORLD [OPTIONS]: what a guest sees of a shared directory that the host
# changes meanwhile. TAP.
hyla=$1
shift
. "$(dirname "$0")/tap.sh"
share=$dir/share
mkdir "$share" "$share/d" "$share/full"
i=0
while [ $i -lt 300 ]; do
	: >"$share/full/a-name-of-some-length-$i"
	i=$((i + 1))
done
printf 'old\n' >"$share/file"
touch -d '1 hour ago' "$share/file" "$share/d" "$share/full"

# Each step of the host begins when the guest has made a file, and ends when the host
# has written another, which is seen at once: a name might be believed absent.
echo 0 >"$share/host"
cat >"$share/guest" <<'S'
step() { : >"$1.guest"; until [ "$(cat host)" = $1 ]; do sleep 0.05; done; }
both() { ls "$1" >/dev/null; ls "$1" | wc -l; }	# the second time from a listing
echo "$(both d)" "$(both full)"
cat file
step 1
both d
cat file
step 2
both d
mkdir d/mine
both d
rm -r d/*
both d
ls d full | sort | cksum
S
"$hyla" "$@" --timeout 120 --bind "$share:/mnt" --cwd /mnt -- /bin/sh /mnt/guest >"$dir/out" 2>&1 &
wait_for() { while [ ! -e "$share/$1" ] && kill -0 $!; do sleep 0.05; done; }
wait_for 1.guest
: >"$share/d/new"
printf 'newer\n' >"$share/file"
echo 1 >"$share/host"
wait_for 2.guest
: >"$share/d/newer"
echo 2 >"$share/host"
wait $!
check "$?" 0 "the guest ends well"
row() { sed -n "$1p" "$dir/out"; }
check "$(row 1)" "0 300" "directories of 0 and 300 entries"
check "$(row 2)" old "a file"
check "$(row 3)" 1 "the host made a file"
check "$(row 4)" newer "the host wrote a file"
check "$(row 5)" 2 "the host made another"
check "$(row 6)" 3 "the guest made a directory"
check "$(row 7)" 0 "the guest removed all"
check "$(row 8)" "$(cd "$share" && ls d full | sort | cksum)" "the host sees the same"
echo "1..$n"
echo "$((n - bad)) passed, $bad failed, 0 skipped"
[ $bad = 0 ]
