# SPDX-License-Identifier: MIT
# Turns a Kconfig .config into a C header: y becomes 1, the rest as it stands.
BEGIN {
	print "/* SPDX-License-Identifier: MIT */"
	print "/* Made from .config; change that with `make menuconfig`. */"
}
/^CONFIG_/ {
	eq = index($0, "=")
	name = substr($0, 1, eq - 1)
	value = substr($0, eq + 1)
	print "#define " name " " (value == "y" ? "1" : value)
}
