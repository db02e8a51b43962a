// SPDX-License-Identifier: MIT
/*
 * A mount as one line of text: /proc/PID/mounts and /proc/PID/mountinfo
 * (proc(5)). Only what lies below the reader's root is shown.
 */
#include "fs/internal.h"
#include "lib/string.h"
#include "mm/slab.h"

struct line {
	char *buf;
	size_t size, len;
};

static void put(struct line *l, const char *s, size_t n)
{
	n = min(n, l->size - 1 - l->len);
	memcpy(l->buf + l->len, s, n);
	l->len += n;
	l->buf[l->len] = '\0';
}

static void put_str(struct line *l, const char *s)
{
	put(l, s, strlen(s));
}

/* Blanks and backslashes as octal, so that the fields stay apart. */
static void put_escaped(struct line *l, const char *s)
{
	char oct[5];

	for (; *s; s++) {
		if (*s == ' ' || *s == '\t' || *s == '\n' || *s == '\\' || *s == '#') {
			snprintf(oct, sizeof(oct), "\\%03o", (u8)*s);
			put(l, oct, 4);
		} else {
			put(l, s, 1);
		}
	}
}

static void put_mount_flags(struct line *l, u32 flags)
{
	static const struct { u32 bit; const char *text; } names[] = {
		{ MNT_NOSUID, ",nosuid" }, { MNT_NODEV, ",nodev" }, { MNT_NOEXEC, ",noexec" },
		{ MNT_NOATIME, ",noatime" }, { MNT_NODIRATIME, ",nodiratime" },
		{ MNT_RELATIME, ",relatime" }, { MNT_NOSYMFOLLOW, ",nosymfollow" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (flags & names[i].bit)
			put_str(l, names[i].text);
}

static void put_sb_options(struct line *l, struct superblock *sb)
{
	char opts[200];

	opts[0] = '\0';
	if (sb->ops && sb->ops->show_options && sb->ops->show_options(sb, opts, sizeof(opts)) < 0)
		return;
	if (opts[0] && opts[0] != ',')
		put_str(l, ",");
	put_str(l, opts);
}

/* The text of where it is mounted, or NULL when that is not below root. */
static char *place(struct mount *m, const struct path *root, char *buf)
{
	struct path p = { m, m->root };
	int where = 0;
	char *text = path_to_text_from(&p, root, buf, PATH_MAX, &where);

	return IS_ERR(text) || where ? NULL : text;
}

int mount_show_mounts(struct mount *m, const struct path *root, char *buf, size_t size)
{
	struct line l = { buf, size, 0 };
	char *scratch = path_buf_get(), *text;
	bool ro = (m->flags & MNT_RDONLY) || (m->sb->flags & SB_RDONLY);

	if (!scratch)
		return -ENOMEM;
	text = place(m, root, scratch);
	if (text) {
		put_escaped(&l, m->source ? m->source : "none");
		put_str(&l, " ");
		put_escaped(&l, text);
		put_str(&l, " ");
		put_escaped(&l, m->sb->type->name);
		put_str(&l, ro ? " ro" : " rw");
		put_mount_flags(&l, m->flags);
		put_sb_options(&l, m->sb);
		put_str(&l, " 0 0\n");
	}
	path_buf_put(scratch);
	return text ? (int)l.len : -1;
}

int mount_show_mountinfo(struct mount *m, const struct path *root, char *buf, size_t size)
{
	struct line l = { buf, size, 0 };
	struct path fs_root = { NULL, m->sb->root }, inside = { NULL, m->root };
	char *scratch = path_buf_get(), *text;
	char head[64];
	dev_t dev = m->sb->dev;

	if (!scratch)
		return -ENOMEM;
	text = path_to_text_from(&inside, &fs_root, scratch, PATH_MAX, NULL);
	snprintf(head, sizeof(head), "%d %d %u:%u ", m->id, m->parent ? m->parent->id : m->id,
		 dev_major(dev), dev_minor(dev));
	put_str(&l, head);
	put_escaped(&l, IS_ERR(text) ? "/" : text);
	put_str(&l, " ");
	text = place(m, root, scratch);
	if (text) {
		put_escaped(&l, text);
		put_str(&l, m->flags & MNT_RDONLY ? " ro" : " rw");
		put_mount_flags(&l, m->flags);
		if (m->flags & MNT_UNBINDABLE)
			put_str(&l, " unbindable");
		put_str(&l, " - ");
		put_escaped(&l, m->sb->type->name);
		put_str(&l, " ");
		put_escaped(&l, m->source ? m->source : "none");
		put_str(&l, m->sb->flags & SB_RDONLY ? " ro" : " rw");
		put_sb_options(&l, m->sb);
		put_str(&l, "\n");
	}
	path_buf_put(scratch);
	return text ? (int)l.len : -1;
}
