/* SPDX-License-Identifier: MIT */
/* Builds the configuration blob; src/kernel/config.h says what is in it. */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/options.h"

extern char **environ;

static void append(struct config *c, const char *text, size_t size)
{
	if (c->size + size > c->room) {
		c->room = 2 * (c->size + size) + 4096;
		c->data = realloc(c->data, c->room);
		if (!c->data)
			abort();
	}
	memcpy(c->data + c->size, text, size);
	c->size += size;
}

void config_add(struct config *c, const char *key, const char *format, ...)
{
	va_list ap;
	char *value;

	va_start(ap, format);
	if (vasprintf(&value, format, ap) < 0)
		abort();
	va_end(ap);
	append(c, key, strlen(key));
	append(c, "=", 1);
	append(c, value, strlen(value) + 1);
	free(value);
}

static void append_field(struct config *c, const char *text)
{
	for (; *text; text++) {
		if (*text == ':' || *text == '\\')
			append(c, "\\", 1);
		append(c, text, 1);
	}
}

void config_add_mount(struct config *c, const char *type, const char *source, const char *target,
		      const char *flags)
{
	append(c, "mount=", 6);
	append_field(c, type);
	append(c, ":", 1);
	append_field(c, source);
	append(c, ":", 1);
	append_field(c, target);
	if (flags) {
		append(c, ":", 1);
		append_field(c, flags);
	}
	append(c, "", 1);
}

static bool is_overridden(const struct options *o, const char *variable)
{
	size_t len = strcspn(variable, "=") + 1;

	for (u32 i = 0; i < o->nr_env; i++)
		if (!strncmp(o->env[i], variable, len))
			return true;
	return false;
}

static void add_environment(struct config *c, const struct options *o)
{
	for (char **e = environ; !o->env_clear && *e; e++)
		if (strchr(*e, '=') && !is_overridden(o, *e))
			config_add(c, "env", "%s", *e);
	if (o->env_clear && !is_overridden(o, "PATH="))
		config_add(c, "env", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:"
				     "/sbin:/bin");
	for (u32 i = 0; i < o->nr_env; i++)
		config_add(c, "env", "%s", o->env[i]);
}

static void add_groups(struct config *c, const struct options *o)
{
	gid_t groups[256];
	int count = o->user_given ? 0 : getgroups(ARRAY_SIZE(groups), groups);

	for (int i = 0; i < count; i++)
		config_add(c, "group", "%u", groups[i]);
}

void config_add_program(struct config *c, const struct options *o)
{
	for (u32 i = 0; i < o->nr_args; i++)
		config_add(c, "arg", "%s", o->args[i]);
	add_environment(c, o);
	config_add(c, "uid", "%u", o->uid);
	config_add(c, "gid", "%u", o->gid);
	add_groups(c, o);
	if (o->hostname)
		config_add(c, "hostname", "%s", o->hostname);
	if (o->log_level >= 0)
		config_add(c, "loglevel", "%d", o->log_level);
	if (o->trace)
		config_add(c, "trace", "1");
	config_add(c, "cpus", "%u", o->nr_cpus);
	if (o->seeded)
		config_add(c, "seed", "%lu", o->seed);
	if (o->fail_nth)
		config_add(c, "fail_nth", "%lu", o->fail_nth);
	if (o->stats)
		config_add(c, "stats", "1");
}

void config_finish(struct config *c)
{
	append(c, "", 1);
}
