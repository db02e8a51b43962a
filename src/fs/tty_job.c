/* SPDX-License-Identifier: MIT */
/*
 * Controlling terminals and job control (credentials(7), termios(3)).
 *
 * tty->session and tty->pgrp name the session that owns the terminal and its
 * foreground group; process->tty is each member's reference to it. They are
 * numbers, not pointers: a group that died is simply not found any more.
 *
 *	setsid            no terminal
 *	open, TIOCSCTTY   a leader without one takes a free terminal
 *	fork              the child inherits
 *	TIOCNOTTY, exit of the leader, hang-up   all members lose it
 *
 * Under the kernel lock; nothing sleeps.
 */
#include "fs/ldisc.h"

#include "kernel/capability.h"
#include "kernel/signal.h"
#include "kernel/task.h"
#include "mm/uaccess.h"

static bool is_session_leader(const struct process *p)
{
	return p->sid == p->pid;
}

static void process_set_tty(struct process *p, struct tty *tty)
{
	struct tty *old = p->tty;

	p->tty = tty ? tty_get(tty) : NULL;
	tty_put(old);
}

/* Every member of the session loses its terminal. */
static void session_clear(pid_t sid)
{
	struct process *p;

	if (!sid)
		return;
	list_for_each_entry(p, &process_list, all_link) {
		if (p->sid == sid)
			process_set_tty(p, NULL);
	}
}

void tty_make_controlling(struct tty *tty, struct process *leader)
{
	tty->session = leader->sid;
	tty->pgrp = leader->pgid;
	process_set_tty(leader, tty);
}

void tty_maybe_make_controlling(struct tty *tty, struct file *f)
{
	struct process *p = current->process;

	if (is_session_leader(p) && !p->tty && !tty->session && (f->mode & FMODE_READ))
		tty_make_controlling(tty, p);
}

void tty_process_detach(struct process *p)
{
	process_set_tty(p, NULL);
	p->tty_old_pgrp = 0;
}

void tty_process_inherit(struct process *child, struct process *parent)
{
	child->tty = parent->tty ? tty_get(parent->tty) : NULL;
	child->tty_old_pgrp = 0;
}

/* A hang-up: the leader gets SIGHUP and SIGCONT, and the foreground group
 * SIGHUP when the leader is exiting; else it gets it when the leader exits. */
void tty_session_signal(struct tty *tty, bool exit_session)
{
	struct process *leader;
	pid_t sid = tty->session, pgrp = tty->pgrp;

	if (!sid)
		return;
	leader = process_find(sid);
	if (leader && leader->tty == tty) {
		leader->tty_old_pgrp = pgrp;
		signal_process(leader, SIGHUP);
		signal_process(leader, SIGCONT);
	}
	session_clear(sid);
	if (exit_session && pgrp)
		(void)signal_pgrp(pgrp, SIGHUP);
}

/* The session lets go of the terminal. */
static void tty_disown(struct tty *tty)
{
	pid_t sid = tty->session;

	tty->session = 0;
	tty->pgrp = 0;
	session_clear(sid);
}

void tty_session_leader_exit(struct process *p)
{
	struct tty *tty = p->tty;

	if (!is_session_leader(p)) {
		process_set_tty(p, NULL);
		return;
	}
	if (!tty) {
		if (p->tty_old_pgrp) {
			(void)signal_pgrp(p->tty_old_pgrp, SIGHUP);
			(void)signal_pgrp(p->tty_old_pgrp, SIGCONT);
			p->tty_old_pgrp = 0;
		}
		return;
	}
	tty_get(tty);
	if (tty->session == p->sid) {
		if (!(tty->flags & TTY_PTY))
			tty_vhangup(tty, true);
		else if (tty->pgrp)
			(void)signal_pgrp(tty->pgrp, SIGHUP);
		tty_disown(tty);
	}
	process_set_tty(p, NULL);
	tty_put(tty);
}

void tty_vhangup_self(void)
{
	if (current->process->tty)
		tty_vhangup(current->process->tty, false);
}

int tty_check_change(struct tty *tty, int sig)
{
	struct process *p = current->process;

	if (p->tty != tty || !tty->pgrp || tty->pgrp == p->pgid)
		return 0;
	if (signal_blocked_or_ignored(sig))
		return sig == SIGTTIN ? -EIO : 0;
	if (pgrp_is_orphaned(p->pgid))
		return -EIO;
	(void)signal_pgrp(p->pgid, sig);
	current->flags |= TF_SIGPENDING;
	return -ERESTARTSYS;
}

/* ---- ioctls ---- */

s64 tty_set_controlling(struct tty *tty, struct file *f, u64 force)
{
	struct process *p = current->process;

	if (is_session_leader(p) && p->tty == tty && tty->session == p->sid)
		return 0;
	if (!is_session_leader(p) || p->tty)
		return -EPERM;
	if (tty->session) {
		if (force != 1 || !capable(CAP_SYS_ADMIN))
			return -EPERM;
		session_clear(tty->session);
	}
	if (!(f->mode & FMODE_READ) && !capable(CAP_SYS_ADMIN))
		return -EPERM;
	tty_make_controlling(tty, p);
	return 0;
}

s64 tty_give_up_controlling(struct tty *tty)
{
	struct process *p = current->process;

	if (p->tty != tty)
		return -ENOTTY;
	if (!is_session_leader(p)) {
		process_set_tty(p, NULL);
		return 0;
	}
	if (tty->pgrp) {
		(void)signal_pgrp(tty->pgrp, SIGHUP);
		(void)signal_pgrp(tty->pgrp, SIGCONT);
	}
	tty_disown(tty);
	return 0;
}

s64 tty_get_pgrp(struct tty *tty, uaddr_t p, bool master)
{
	if (!master && current->process->tty != tty)
		return -ENOTTY;
	return put_user_u32(p, (u32)tty->pgrp);
}

/* The session of a group, 0: no such group. */
static pid_t session_of_pgrp(pid_t pgid)
{
	struct process *p;

	list_for_each_entry(p, &process_list, all_link) {
		if (p->pgid == pgid)
			return p->sid;
	}
	return 0;
}

s64 tty_set_pgrp(struct tty *tty, uaddr_t p)
{
	struct process *me = current->process;
	u32 value;
	pid_t pgid;
	int err;

	err = tty_check_change(tty, SIGTTOU);
	if (err)
		return err == -EIO ? -ENOTTY : err;
	if (copyin(&value, p, sizeof(value)))
		return -EFAULT;
	pgid = (pid_t)value;
	if (pgid < 0)
		return -EINVAL;
	if (!me->tty || me->tty != tty || tty->session != me->sid)
		return -ENOTTY;
	if (!pgrp_exists(pgid))
		return -ESRCH;
	if (session_of_pgrp(pgid) != me->sid)
		return -EPERM;
	tty->pgrp = pgid;
	return 0;
}

s64 tty_get_sid(struct tty *tty, uaddr_t p, bool master)
{
	if ((!master && current->process->tty != tty) || !tty->session)
		return -ENOTTY;
	return put_user_u32(p, (u32)tty->session);
}

/* ---- procfs ---- */

u32 tty_proc_nr(const struct process *p)
{
	return p->tty ? (u32)p->tty->dev : 0;
}

pid_t tty_proc_pgrp(const struct process *p)
{
	return p->tty ? p->tty->pgrp : -1;
}
