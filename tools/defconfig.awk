# SPDX-License-Identifier: MIT
# The defaults of Kconfig as a .config, where kconfig-conf is not installed.
/^config / { name = $2; type = "" }
/^\t(bool|int|string) / { type = $1 }
/^\tdefault / {
	value = $0
	sub(/^\tdefault /, "", value)
	print "CONFIG_" name "=" value
}
