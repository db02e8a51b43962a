/* SPDX-License-Identifier: MIT */
/*
 * Credentials: uids, gids, groups, capabilities (credentials(7),
 * capabilities(7)). A struct cred is immutable once a task has it: a change
 * copies, edits and swaps, so whoever holds a reference keeps a stable view.
 */
#include "kernel/cred.h"

#include "abi/errno.h"
#include "kernel/capability.h"
#include "kernel/syscall.h"
#include "kernel/task.h"
#include "lib/string.h"
#include "mm/mm.h"
#include "mm/slab.h"
#include "mm/uaccess.h"

#define NGROUPS_MAX 65536
#define SECBIT_NO_SETUID_FIXUP 4u
#define ID_KEEP U32_MAX

static SLAB_CACHE(cred_cache, struct cred);

struct cred *cred_get(struct cred *c)
{
	c->refcount++;
	return c;
}

static void groups_put(struct group_list *g)
{
	if (g && --g->refcount == 0)
		kfree(g);
}

void cred_put(struct cred *c)
{
	if (--c->refcount)
		return;
	groups_put(c->groups);
	slab_free(&cred_cache, c);
}

struct cred *cred_dup(const struct cred *old)
{
	struct cred *c = slab_alloc(&cred_cache);

	if (!c)
		return NULL;
	*c = *old;
	c->refcount = 1;
	if (c->groups)
		c->groups->refcount++;
	return c;
}

struct cred *cred_root(void)
{
	struct cred *c = slab_zalloc(&cred_cache);

	if (c) {
		c->refcount = 1;
		c->cap_permitted = c->cap_effective = c->cap_bset = CAP_ALL;
	}
	return c;
}

static void cred_install(struct cred *c)
{
	struct cred *old = current->cred;

	if (current->mm && (old->euid != c->euid || old->egid != c->egid ||
			    old->fsuid != c->fsuid || old->fsgid != c->fsgid))
		current->mm->dumpable = false;
	current->cred = c;
	cred_put(old);
}

bool cred_in_group(const struct cred *c, gid_t gid)
{
	if (c->fsgid == gid)
		return true;
	for (u32 i = 0; c->groups && i < c->groups->count; i++)
		if (c->groups->gid[i] == gid)
			return true;
	return false;
}

bool cred_capable(const struct cred *c, int cap)
{
	return c->cap_effective & BIT(cap);
}

bool capable(int cap)
{
	return cred_capable(current->cred, cap);
}

/* ---- uids ---- */

SYSCALL_DEFINE0(getuid) { return current->cred->uid; }
SYSCALL_DEFINE0(geteuid) { return current->cred->euid; }
SYSCALL_DEFINE0(getgid) { return current->cred->gid; }
SYSCALL_DEFINE0(getegid) { return current->cred->egid; }

/* What losing or gaining root does to capabilities (capabilities(7)). */
static void fixup_caps(struct cred *new, const struct cred *old)
{
	bool was_root = !old->uid || !old->euid || !old->suid;
	bool is_root = !new->uid || !new->euid || !new->suid;

	if (new->securebits & SECBIT_NO_SETUID_FIXUP)
		return;
	if (was_root && !is_root) {
		if (!(current->flags & TF_KEEPCAPS)) {
			new->cap_permitted = 0;
			new->cap_effective = 0;
		}
		new->cap_ambient = 0;
	}
	if (!old->euid && new->euid)
		new->cap_effective = 0;
	if (old->euid && !new->euid)
		new->cap_effective = new->cap_permitted;
}

static int commit_uids(struct cred *c, const struct cred *old)
{
	fixup_caps(c, old);
	cred_install(c);
	return 0;
}

static bool uid_known(const struct cred *c, uid_t u)
{
	return u == c->uid || u == c->euid || u == c->suid;
}

static bool gid_known(const struct cred *c, gid_t g)
{
	return g == c->gid || g == c->egid || g == c->sgid;
}

SYSCALL_DEFINE1(setuid, uid_t, uid)
{
	struct cred *old = current->cred, *c;

	if (uid == ID_KEEP)
		return -EINVAL;
	if (!capable(CAP_SETUID) && uid != old->uid && uid != old->suid)
		return -EPERM;
	c = cred_dup(old);
	if (!c)
		return -ENOMEM;
	if (capable(CAP_SETUID))
		c->uid = c->suid = uid;
	c->euid = c->fsuid = uid;
	return commit_uids(c, old);
}

SYSCALL_DEFINE1(setgid, gid_t, gid)
{
	struct cred *old = current->cred, *c;

	if (gid == ID_KEEP)
		return -EINVAL;
	if (!capable(CAP_SETGID) && gid != old->gid && gid != old->sgid)
		return -EPERM;
	c = cred_dup(old);
	if (!c)
		return -ENOMEM;
	if (capable(CAP_SETGID))
		c->gid = c->sgid = gid;
	c->egid = c->fsgid = gid;
	cred_install(c);
	return 0;
}

SYSCALL_DEFINE2(setreuid, uid_t, ruid, uid_t, euid)
{
	struct cred *old = current->cred, *c;
	bool priv = capable(CAP_SETUID);

	if (ruid != ID_KEEP && !priv && ruid != old->uid && ruid != old->euid)
		return -EPERM;
	if (euid != ID_KEEP && !priv && !uid_known(old, euid))
		return -EPERM;
	c = cred_dup(old);
	if (!c)
		return -ENOMEM;
	if (ruid != ID_KEEP)
		c->uid = ruid;
	if (euid != ID_KEEP)
		c->euid = euid;
	if (ruid != ID_KEEP || (euid != ID_KEEP && euid != old->uid))
		c->suid = c->euid;
	c->fsuid = c->euid;
	return commit_uids(c, old);
}

SYSCALL_DEFINE2(setregid, gid_t, rgid, gid_t, egid)
{
	struct cred *old = current->cred, *c;
	bool priv = capable(CAP_SETGID);

	if (rgid != ID_KEEP && !priv && rgid != old->gid && rgid != old->egid)
		return -EPERM;
	if (egid != ID_KEEP && !priv && !gid_known(old, egid))
		return -EPERM;
	c = cred_dup(old);
	if (!c)
		return -ENOMEM;
	if (rgid != ID_KEEP)
		c->gid = rgid;
	if (egid != ID_KEEP)
		c->egid = egid;
	if (rgid != ID_KEEP || (egid != ID_KEEP && egid != old->gid))
		c->sgid = c->egid;
	c->fsgid = c->egid;
	cred_install(c);
	return 0;
}

SYSCALL_DEFINE3(setresuid, uid_t, ruid, uid_t, euid, uid_t, suid)
{
	struct cred *old = current->cred, *c;

	if (!capable(CAP_SETUID) && ((ruid != ID_KEEP && !uid_known(old, ruid)) ||
				     (euid != ID_KEEP && !uid_known(old, euid)) ||
				     (suid != ID_KEEP && !uid_known(old, suid))))
		return -EPERM;
	c = cred_dup(old);
	if (!c)
		return -ENOMEM;
	if (ruid != ID_KEEP)
		c->uid = ruid;
	if (euid != ID_KEEP)
		c->euid = euid;
	if (suid != ID_KEEP)
		c->suid = suid;
	c->fsuid = c->euid;
	return commit_uids(c, old);
}

SYSCALL_DEFINE3(setresgid, gid_t, rgid, gid_t, egid, gid_t, sgid)
{
	struct cred *old = current->cred, *c;

	if (!capable(CAP_SETGID) && ((rgid != ID_KEEP && !gid_known(old, rgid)) ||
				     (egid != ID_KEEP && !gid_known(old, egid)) ||
				     (sgid != ID_KEEP && !gid_known(old, sgid))))
		return -EPERM;
	c = cred_dup(old);
	if (!c)
		return -ENOMEM;
	if (rgid != ID_KEEP)
		c->gid = rgid;
	if (egid != ID_KEEP)
		c->egid = egid;
	if (sgid != ID_KEEP)
		c->sgid = sgid;
	c->fsgid = c->egid;
	cred_install(c);
	return 0;
}

static s64 put_three(uaddr_t a, uaddr_t b, uaddr_t c, u32 x, u32 y, u32 z)
{
	if (put_user_u32(a, x) || put_user_u32(b, y) || put_user_u32(c, z))
		return -EFAULT;
	return 0;
}

SYSCALL_DEFINE3(getresuid, uaddr_t, r, uaddr_t, e, uaddr_t, s)
{
	const struct cred *c = current->cred;

	return put_three(r, e, s, c->uid, c->euid, c->suid);
}

SYSCALL_DEFINE3(getresgid, uaddr_t, r, uaddr_t, e, uaddr_t, s)
{
	const struct cred *c = current->cred;

	return put_three(r, e, s, c->gid, c->egid, c->sgid);
}

SYSCALL_DEFINE1(setfsuid, uid_t, uid)
{
	struct cred *old = current->cred, *c;
	uid_t before = old->fsuid;
	const cap_t fs_caps = BIT(CAP_CHOWN) | BIT(CAP_DAC_OVERRIDE) | BIT(CAP_DAC_READ_SEARCH) |
			      BIT(CAP_FOWNER) | BIT(CAP_FSETID) | BIT(CAP_MKNOD);

	if (uid == ID_KEEP || uid == before ||
	    (!capable(CAP_SETUID) && !uid_known(old, uid) && uid != before))
		return before;
	c = cred_dup(old);
	if (!c)
		return before;
	c->fsuid = uid;
	if (!before && uid)
		c->cap_effective &= ~fs_caps;
	else if (before && !uid)
		c->cap_effective |= c->cap_permitted & fs_caps;
	cred_install(c);
	return before;
}

SYSCALL_DEFINE1(setfsgid, gid_t, gid)
{
	struct cred *old = current->cred, *c;
	gid_t before = old->fsgid;

	if (gid == ID_KEEP || gid == before || (!capable(CAP_SETGID) && !gid_known(old, gid)))
		return before;
	c = cred_dup(old);
	if (!c)
		return before;
	c->fsgid = gid;
	cred_install(c);
	return before;
}

/* ---- groups ---- */

SYSCALL_DEFINE2(getgroups, int, size, uaddr_t, list)
{
	const struct group_list *g = current->cred->groups;
	int count = g ? (int)g->count : 0;

	if (size < 0)
		return -EINVAL;
	if (!size)
		return count;
	if (size < count)
		return -EINVAL;
	if (count && copyout(list, g->gid, (size_t)count * sizeof(gid_t)))
		return -EFAULT;
	return count;
}

static void sort_groups(struct group_list *g)
{
	for (u32 gap = g->count / 2; gap; gap /= 2) {
		for (u32 i = gap; i < g->count; i++) {
			gid_t v = g->gid[i];
			u32 j = i;

			for (; j >= gap && g->gid[j - gap] > v; j -= gap)
				g->gid[j] = g->gid[j - gap];
			g->gid[j] = v;
		}
	}
}

SYSCALL_DEFINE2(setgroups, u32, size, uaddr_t, list)
{
	struct group_list *g = NULL;
	struct cred *c;

	if (!capable(CAP_SETGID))
		return -EPERM;
	if (size > NGROUPS_MAX)
		return -EINVAL;
	if (size) {
		g = kmalloc(sizeof(*g) + size * sizeof(gid_t));
		if (!g)
			return -ENOMEM;
		g->refcount = 1;
		g->count = size;
		if (copyin(g->gid, list, size * sizeof(gid_t))) {
			kfree(g);
			return -EFAULT;
		}
		sort_groups(g);
	}
	c = cred_dup(current->cred);
	if (!c) {
		kfree(g);
		return -ENOMEM;
	}
	groups_put(c->groups);
	c->groups = g;
	cred_install(c);
	return 0;
}

/* ---- capget, capset ---- */

#define CAP_VERSION_1 0x19980330u
#define CAP_VERSION_2 0x20071026u
#define CAP_VERSION_3 0x20080522u

struct cap_header { u32 version; s32 pid; };
struct cap_data { u32 effective, permitted, inheritable; };

/* Number of cap_data elements; 0 for an unknown version (*err set). */
static u32 cap_version(uaddr_t hdrp, struct cap_header *h, int *err)
{
	*err = -EFAULT;
	if (copyin(h, hdrp, sizeof(*h)))
		return 0;
	if (h->version == CAP_VERSION_1)
		return 1;
	if (h->version == CAP_VERSION_2 || h->version == CAP_VERSION_3)
		return 2;
	*err = put_user_u32(hdrp, CAP_VERSION_3) ? -EFAULT : -EINVAL;
	return 0;
}

SYSCALL_DEFINE2(capget, uaddr_t, hdrp, uaddr_t, datap)
{
	struct cap_header h;
	struct cap_data d[2];
	const struct cred *c = current->cred;
	struct task *t;
	int err;
	u32 n = cap_version(hdrp, &h, &err);

	if (!n)
		return datap ? err : (err == -EINVAL ? 0 : err);
	if (h.pid < 0)
		return -EINVAL;
	if (h.pid) {
		t = task_find(h.pid);
		if (!t)
			return -ESRCH;
		c = t->cred;
	}
	if (!datap)
		return 0;
	for (u32 i = 0; i < 2; i++)
		d[i] = (struct cap_data){ (u32)(c->cap_effective >> 32 * i),
					  (u32)(c->cap_permitted >> 32 * i),
					  (u32)(c->cap_inheritable >> 32 * i) };
	return copyout(datap, d, n * sizeof(d[0]));
}

SYSCALL_DEFINE2(capset, uaddr_t, hdrp, uaddr_t, datap)
{
	struct cap_header h;
	struct cap_data d[2] = { { 0 } };
	const struct cred *old = current->cred;
	cap_t e, p, i;
	struct cred *c;
	int err;
	u32 n = cap_version(hdrp, &h, &err);

	if (!n)
		return err;
	if (h.pid && h.pid != current->tid)
		return -EPERM;
	if (copyin(d, datap, n * sizeof(d[0])))
		return -EFAULT;
	e = (d[0].effective | (u64)d[1].effective << 32) & CAP_ALL;
	p = (d[0].permitted | (u64)d[1].permitted << 32) & CAP_ALL;
	i = (d[0].inheritable | (u64)d[1].inheritable << 32) & CAP_ALL;
	if (!capable(CAP_SETPCAP) && (i & ~(old->cap_inheritable | old->cap_permitted)))
		return -EPERM;
	if (i & ~(old->cap_inheritable | old->cap_bset))
		return -EPERM;
	if ((p & ~old->cap_permitted) || (e & ~p))
		return -EPERM;
	c = cred_dup(old);
	if (!c)
		return -ENOMEM;
	c->cap_effective = e;
	c->cap_permitted = p;
	c->cap_inheritable = i;
	c->cap_ambient &= p & i;
	cred_install(c);
	return 0;
}

/* ---- the part of prctl(2) that is about credentials ---- */

#define PR_CAP_AMBIENT_IS_SET 1
#define PR_CAP_AMBIENT_RAISE 2
#define PR_CAP_AMBIENT_LOWER 3
#define PR_CAP_AMBIENT_CLEAR_ALL 4

s64 cred_drop_bounding(u64 cap)
{
	struct cred *c;

	if (!capable(CAP_SETPCAP))
		return -EPERM;
	if (cap > CAP_LAST)
		return -EINVAL;
	c = cred_dup(current->cred);
	if (!c)
		return -ENOMEM;
	c->cap_bset &= ~BIT(cap);
	cred_install(c);
	return 0;
}

s64 cred_set_securebits(u64 bits)
{
	struct cred *c;

	if (!capable(CAP_SETPCAP))
		return -EPERM;
	if (bits & ~0xfful)
		return -EPERM;
	c = cred_dup(current->cred);
	if (!c)
		return -ENOMEM;
	c->securebits = (u32)bits;
	cred_install(c);
	return 0;
}

s64 cred_ambient(u64 op, u64 cap)
{
	struct cred *c;

	if (op == PR_CAP_AMBIENT_CLEAR_ALL ? cap != 0 : cap > CAP_LAST)
		return -EINVAL;
	if (op == PR_CAP_AMBIENT_IS_SET)
		return !!(current->cred->cap_ambient & BIT(cap));
	if (op < PR_CAP_AMBIENT_RAISE || op > PR_CAP_AMBIENT_CLEAR_ALL)
		return -EINVAL;
	c = current->cred;
	if (op == PR_CAP_AMBIENT_RAISE && !(c->cap_permitted & c->cap_inheritable & BIT(cap)))
		return -EPERM;
	c = cred_dup(c);
	if (!c)
		return -ENOMEM;
	if (op == PR_CAP_AMBIENT_RAISE)
		c->cap_ambient |= BIT(cap);
	else if (op == PR_CAP_AMBIENT_LOWER)
		c->cap_ambient &= ~BIT(cap);
	else
		c->cap_ambient = 0;
	cred_install(c);
	return 0;
}
