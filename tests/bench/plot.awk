# SPDX-License-Identifier: MIT
# awk -f plot.awk TABLE >PLOT.svg: the table that bench.sh prints, as a picture.
#
# One line per row, one dot per column, on a logarithmic scale of the ratio to
# native: left of the line at 1 is faster than the host's own kernel.

BEGIN {
	width = 860; left = 130; right = 30; step = 26; top = 56
	lowest = 0.01; highest = 1000
	split("#0072b2 #56b4e9 #009e73 #d55e00 #cc79a7 #999999 #e69f00", colour, " ")
}

function x_of(ratio)
{
	if (ratio < lowest)
		ratio = lowest
	if (ratio > highest)
		ratio = highest
	return left + (width - left - right) * log(ratio / lowest) / log(highest / lowest)
}

$1 == "row" {
	columns = NF - 2
	for (i = 1; i <= columns; i++)
		name[i] = $(i + 2)
	next
}

columns && NF >= 3 {
	rows++
	label[rows] = $1
	for (i = 1; i <= columns; i++) {
		value[rows, i] = $(i + 2)
		value[rows, i] += 0
	}
}

END {
	if (!rows) {
		print "plot.awk: no table" >"/dev/stderr"
		exit 1
	}
	height = top + rows * step + 40
	printf "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" font-size=\"12\">\n", width, height
	printf "<title>Time per operation, as a ratio to native Linux</title>\n"
	printf "<rect width=\"%d\" height=\"%d\" fill=\"white\"/>\n", width, height
	for (i = 1; i <= columns; i++) {
		x = left + (i - 1) * (width - left - right) / columns
		printf "<circle cx=\"%d\" cy=\"18\" r=\"5\" fill=\"%s\"/><text x=\"%d\" y=\"22\">%s</text>\n", x, colour[i], x + 9, name[i]
	}
	for (r = lowest; r <= highest * 1.001; r *= 10) {
		x = x_of(r)
		ink = (r > 0.99 && r < 1.01) ? "#000000" : "#dddddd"
		printf "<line x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\" stroke=\"%s\"/>\n", x, top - 10, x, height - 30, ink
		printf "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%g</text>\n", x, height - 14, r
	}
	for (j = 1; j <= rows; j++) {
		y = top + (j - 0.5) * step
		printf "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%s</text>\n", left - 8, y + 4, label[j]
		printf "<line x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\" stroke=\"#eeeeee\"/>\n", left, y, width - right, y
		for (i = columns; i >= 1; i--)
			if (value[j, i] > 0)
				printf "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"5\" fill=\"%s\"><title>%s %s: %s</title></circle>\n", x_of(value[j, i]), y, colour[i], label[j], name[i], value[j, i]
	}
	print "</svg>"
}
