/* SPDX-License-Identifier: MIT */
/*
 * What a guest sees, the same for `hyla run` and `hyla boot`: the program, its
 * environment and user, the mounts, and the host directories behind them.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/options.h"

static void add_share(struct guest *g, const char *tag, const char *path, bool read_only)
{
	struct share *s = &g->share[g->nr_shares++];

	snprintf(s->tag, sizeof(s->tag), "%s", tag);
	s->path = path;
	s->read_only = read_only;
}

static void add_root(struct guest *g)
{
	struct config *c = &g->config;

	if (g->o.initrd) {
		config_add(c, "root", "initrd");
	} else if (options_root_is_disk(&g->o)) {
		config_add(c, "root", "%s", g->o.root);
	} else if (g->o.root) {
		add_share(g, "root", g->o.root, g->o.root_read_only);
		config_add(c, "root", "9p:root%s", g->o.root_read_only ? ":ro" : "");
	} else {
		add_share(g, "root", "/", true);
		config_add(c, "root", "9p:root:ro");
	}
	config_add_mount(c, "devfs", "dev", "/dev", "nosuid,mkdir");
	config_add_mount(c, "devpts", "devpts", "/dev/pts", "nosuid,noexec,mkdir");
	config_add_mount(c, "tmpfs", "shm", "/dev/shm", "nosuid,nodev,mkdir,mode=1777");
	config_add_mount(c, "proc", "proc", "/proc", "nosuid,nodev,noexec,mkdir");
	config_add_mount(c, "sysfs", "sysfs", "/sys", "nosuid,nodev,noexec,mkdir");
	if (g->o.initrd || options_root_is_disk(&g->o))
		return;
	config_add_mount(c, "tmpfs", "tmp", "/tmp", "nosuid,nodev,mkdir,mode=1777");
	config_add_mount(c, "tmpfs", "run", "/run", "nosuid,nodev,mkdir,mode=755");
	config_add_mount(c, "tmpfs", "tmp", "/var/tmp", "nosuid,nodev,mkdir,mode=1777");
}

static bool is_below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	return !strncmp(path, dir, len) && (!path[len] || path[len] == '/');
}

/* With the host's root the caller's directory is shared, at the same path. */
static void add_cwd(struct guest *g)
{
	const char *cwd = g->o.cwd ? g->o.cwd : "/";
	bool have = !g->o.root && !g->o.initrd && getcwd(g->cwd, sizeof(g->cwd)) &&
		    g->cwd[0] == '/';

	if (have && !is_below(g->cwd, "/proc") && !is_below(g->cwd, "/sys") &&
	    !is_below(g->cwd, "/dev")) {
		if (strcmp(g->cwd, "/")) {
			add_share(g, "cwd", g->cwd, false);
			config_add_mount(&g->config, "9p", "cwd", g->cwd, "nodev,mkdir");
		}
		if (!g->o.cwd)
			cwd = g->cwd;
	}
	config_add(&g->config, "cwd", "%s", cwd);
}

static void add_binds(struct guest *g)
{
	for (u32 i = 0; i < g->o.nr_binds; i++) {
		struct bind *b = &g->o.bind[i];
		char tag[16];

		snprintf(tag, sizeof(tag), "bind%u", i);
		add_share(g, tag, b->host, b->read_only);
		config_add_mount(&g->config, "9p", tag, b->guest,
				 b->read_only ? "ro,nodev,mkdir,must" : "nodev,mkdir,must");
	}
}

void guest_describe(struct guest *g)
{
	config_add_program(&g->config, &g->o);
	add_root(g);
	add_cwd(g);
	add_binds(g);
}
