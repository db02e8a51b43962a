#!/bin/sh
# SPDX-License-Identifier: MIT
# mkroot.sh DIR: a root directory of busybox.
set -eu
root=${1:?usage: mkroot.sh DIR}
busybox=$(command -v busybox) || { echo "busybox is missing: apt-get install busybox-static" >&2; exit 1; }
if ldd "$busybox" >/dev/null 2>&1; then
	echo "$busybox is not static: apt-get install busybox-static" >&2
	exit 1
fi
mkdir -p "$root/bin" "$root/etc" "$root/dev" "$root/proc" "$root/sys" "$root/tmp" "$root/root"
cp "$busybox" "$root/bin/busybox"
"$busybox" --list | while read -r applet; do
	[ "$applet" = busybox ] || ln -sf busybox "$root/bin/$applet"
done
echo 'root:x:0:0:root:/root:/bin/sh' >"$root/etc/passwd"
echo 'root:x:0:' >"$root/etc/group"
cat >"$root/init" <<'S'
#!/bin/sh
export PATH=/bin HOME=/root PS1='hyla # '
echo "This is $(uname -sr) on $(nproc) processor(s)."
exec /bin/sh
S
chmod 755 "$root/init"
