/* SPDX-License-Identifier: MIT */
/*
 * Physical memory, the kernel image, the kernel process. See machine.h.
 *
 * The kernel process is a fork of this program that maps the memory at
 * HOSTED_BASE, gives up every descriptor but the memfd and jumps into the
 * image, which then unmaps what is left of us. It leads a session of its own,
 * so that no terminal signal reaches it, and dies with us (PDEATHSIG).
 */
#define _GNU_SOURCE
#include "hal/hosted/machine.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hal/hosted/handles.h"
#include "hal/hosted/pku.h"
#include "hal/hosted/report.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x10u
#endif
#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

static u64 round_up(u64 x, u64 to)
{
	return (x + to - 1) / to * to;
}

static int make_memfd(void)
{
	int fd = memfd_create("hyla-memory", MFD_CLOEXEC | MFD_EXEC);

	if (fd < 0 && errno == EINVAL)	/* before Linux 6.3 */
		fd = memfd_create("hyla-memory", MFD_CLOEXEC);
	if (fd < 0)
		report_errno("cannot make guest memory (memfd_create)", errno,
			     "`hyla doctor` says what the host must allow");
	return fd;
}

/* The loaded size of an image, or 0 if it is none of ours. */
static u64 image_extent(const u8 *image, size_t size)
{
	const Elf64_Ehdr *eh = (const void *)image;
	u64 end = 0;

	if (size < sizeof(*eh) || memcmp(eh->e_ident, ELFMAG, SELFMAG) ||
	    eh->e_machine != EM_X86_64 || eh->e_phentsize != sizeof(Elf64_Phdr) ||
	    eh->e_phoff > size || eh->e_phnum * sizeof(Elf64_Phdr) > size - eh->e_phoff)
		return 0;
	for (int i = 0; i < eh->e_phnum; i++) {
		Elf64_Phdr ph;

		memcpy(&ph, image + eh->e_phoff + i * sizeof(ph), sizeof(ph));
		if (ph.p_type != PT_LOAD)
			continue;
		if (ph.p_vaddr < HOSTED_BASE || ph.p_vaddr - HOSTED_BASE > 1ul << 30 ||
		    ph.p_memsz > 1ul << 30 || ph.p_filesz > ph.p_memsz || ph.p_offset > size ||
		    ph.p_filesz > size - ph.p_offset)
			return 0;
		if (ph.p_vaddr - HOSTED_BASE + ph.p_memsz > end)
			end = ph.p_vaddr - HOSTED_BASE + ph.p_memsz;
	}
	return round_up(end, HOSTED_PAGE);
}

static void load_image(struct machine *m, const u8 *image)
{
	const Elf64_Ehdr *eh = (const void *)image;

	for (int i = 0; i < eh->e_phnum; i++) {
		Elf64_Phdr ph;
		u64 end;

		memcpy(&ph, image + eh->e_phoff + i * sizeof(ph), sizeof(ph));
		if (ph.p_type != PT_LOAD)
			continue;
		memcpy(m->mem + (ph.p_vaddr - HOSTED_BASE), image + ph.p_offset, ph.p_filesz);
		end = round_up(ph.p_vaddr - HOSTED_BASE + ph.p_memsz, HOSTED_PAGE);
		if (ph.p_flags & PF_X && end > m->text_end)
			m->text_end = end;
		if (!(ph.p_flags & PF_W) && end > m->rodata_end)
			m->rodata_end = end;
	}
	m->entry = eh->e_entry;
}

static int open_initrd(const char *name, u64 *size)
{
	struct stat st;
	int fd;

	*size = 0;
	if (!name)
		return -1;
	fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st)) {
		report_errno(name, errno, "--initrd wants a cpio archive");
		exit(125);
	}
	*size = st.st_size;
	return fd;
}

static bool read_initrd(struct machine *m, int fd, u64 at, u64 size)
{
	while (size) {
		ssize_t n = read(fd, m->mem + at, size);

		if (n <= 0) {
			report_errno("cannot read the initrd", n ? errno : EIO, NULL);
			return false;
		}
		at += n;
		size -= n;
	}
	close(fd);
	return true;
}

static int choose_cpu(int wanted)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set))
		return -1;
	if (wanted >= 0 && wanted < CPU_SETSIZE && CPU_ISSET(wanted, &set))
		return wanted;
	return sched_getcpu();
}

/* CPU 0 where the machine is, the others on the next ones, round and round. */
static void choose_cpus(struct hosted_handles *handles, int first, u32 count)
{
	cpu_set_t set;
	int cpu = first;

	for (u32 i = 0; i < HOSTED_CPUS; i++)
		handles->host_cpu[i] = -1;
	if (first < 0 || sched_getaffinity(0, sizeof(set), &set) || !CPU_COUNT(&set))
		return;
	for (u32 i = 0; i < count && i < HOSTED_CPUS; i++) {
		handles->host_cpu[i] = cpu;
		do
			cpu = (cpu + 1) % CPU_SETSIZE;
		while (!CPU_ISSET(cpu, &set));
	}
}

static u32 idle_spin_us(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) || CPU_COUNT(&set) < 2)
		return 0;
	return 50;
}

/* Filters that trap are all that inproc needs and ptrace can do without. */
static u32 choose_engine(u32 wanted)
{
	u32 action = SECCOMP_RET_TRAP;

	if (wanted != HOSTED_ENGINE_AUTO)
		return wanted;
	if (!syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action))
		return HOSTED_ENGINE_INPROC;
	report_errno("the host has no seccomp traps", errno, "using the slower ptrace engine");
	return HOSTED_ENGINE_PTRACE;
}

static bool fill_shared(struct machine *m, const struct machine_options *opt)
{
	struct hosted_shared *sh = m->shared;

	sh->magic = HOSTED_MAGIC;
	sh->nr_cpus = opt->nr_cpus;
	sh->rewrite = !opt->no_rewrite;
	sh->engine = choose_engine(opt->engine);
	sh->spin_us = idle_spin_us();
	sh->text_end = m->text_end;
	sh->rodata_end = m->rodata_end;
	sh->seeded = opt->seeded;
	if (opt->seeded)
		sh->seed[0] = opt->seed;
	else if (getrandom(sh->seed, sizeof(sh->seed), 0) < 0)
		memset(sh->seed, 0, sizeof(sh->seed));
	if (opt->cmdline)
		snprintf(sh->cmdline, sizeof(sh->cmdline), "%s", opt->cmdline);
	machine_probe_cpu(sh);
	return pku_choose(sh, opt->pku);
}

bool machine_create(struct machine *m, const struct machine_options *opt)
{
	u64 image_end = image_extent(opt->image, opt->image_size);
	u64 shared_at, config_at, initrd_at, initrd_size, start, mem_end, end;
	int initrd;

	memset(m, 0, sizeof(*m));
	if (!image_end) {
		report("the kernel image is broken", NULL, "build hyla again");
		return false;
	}
	if (opt->mem_size > HOSTED_MEM_MAX / 2) {
		report("--mem is too large", NULL, "at most 512G");
		return false;
	}
	initrd = open_initrd(opt->initrd, &initrd_size);
	shared_at = round_up(image_end, HOSTED_STACK_SIZE);
	config_at = round_up(shared_at + sizeof(struct hosted_shared), HOSTED_PAGE);
	initrd_at = round_up(config_at + opt->config_size, HOSTED_PAGE);
	start = round_up(initrd_at + initrd_size, 65536);
	mem_end = start + round_up(opt->mem_size, HOSTED_PAGE);
	end = mem_end + HOSTED_TEXT_MEM;

	m->memfd = make_memfd();
	if (m->memfd < 0)
		return false;
	m->mem_size = end;
	if (ftruncate(m->memfd, end)) {
		report_errno("cannot size guest memory", errno, "try a smaller --mem");
		return false;
	}
	m->mem = mmap(NULL, end, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, m->memfd, 0);
	if (m->mem == MAP_FAILED) {
		report_errno("cannot map guest memory", errno, "try a smaller --mem");
		return false;
	}
	m->board = mmap(NULL, HOSTED_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			-1, 0);
	if (m->board == MAP_FAILED) {
		report_errno("cannot map a page", errno, NULL);
		return false;
	}
	load_image(m, opt->image);
	m->shared = (void *)(m->mem + shared_at);
	if (!fill_shared(m, opt))
		return false;
	if (m->shared->engine == HOSTED_ENGINE_PTRACE && opt->nr_cpus > 1) {
		report("the ptrace engine has 1 CPU", NULL, "leave out --cpus, or --engine ptrace");
		return false;
	}
	m->shared->mem_start = start;
	m->shared->mem_end = m->shared->text_mem = mem_end;
	m->shared->window_end = m->shared->text_mem_end = end;
	m->shared->config = config_at;
	m->shared->config_size = opt->config_size;
	if (opt->config_size)
		memcpy(m->mem + config_at, opt->config, opt->config_size);
	m->shared->initrd = initrd_at;
	m->shared->initrd_size = initrd_size;
	m->cpu = choose_cpu(opt->cpu);
	m->nr_cpus = opt->nr_cpus;
	return initrd < 0 || read_initrd(m, initrd, initrd_at, initrd_size);
}

/* The host kernel keeps pointers into our libc for us: take them back, for
 * that memory goes. */
extern const ptrdiff_t __rseq_offset __attribute__((weak));
extern const unsigned __rseq_size __attribute__((weak));

static void unregister_thread(void)
{
	if (&__rseq_offset && &__rseq_size && __rseq_size) {
		char *area = (char *)__builtin_thread_pointer() + __rseq_offset;

		/* The registered size is 32 at least. */
		if (syscall(SYS_rseq, area, 32, 1, 0x53053053))
			syscall(SYS_rseq, area, __rseq_size, 1, 0x53053053);
	}
	syscall(SYS_set_robust_list, NULL, 24);
	syscall(SYS_set_tid_address, NULL);
}

static void close_all_but(int fd)
{
	if (syscall(SYS_close_range, 0, fd - 1, 0) ||
	    syscall(SYS_close_range, fd + 1, ~0u, 0))
		for (int i = 0; i < 4096; i++)
			if (i != fd)
				close(i);
}

/* With several CPUs there is one for each carrier (in_smp.c). */
static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (!getrlimit(RLIMIT_NOFILE, &limit)) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static void __attribute__((noreturn)) kernel_process(struct machine *m, pid_t parent)
{
	struct hosted_handles handles = { .memfd = m->memfd, .pid = getpid() };
	u64 shared = HOSTED_BASE + ((u8 *)m->shared - m->mem);
	u64 stack = shared + offsetof(struct hosted_shared, boot_stack) + HOSTED_STACK_SIZE;
	void *base = (void *)HOSTED_BASE;
	cpu_set_t set;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	prctl(PR_SET_NAME, "hyla-kernel");
	prctl(PR_SET_TIMERSLACK, 1);
	prctl(PR_SET_DUMPABLE, 1);
	setsid();
	choose_cpus(&handles, m->cpu, m->nr_cpus);
	raise_descriptor_limit();
	if (m->cpu >= 0) {
		CPU_ZERO(&set);
		CPU_SET(m->cpu, &set);
		sched_setaffinity(0, sizeof(set), &set);
	}
	if (mmap(base, m->mem_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED_NOREPLACE |
		 MAP_NORESERVE, m->memfd, 0) != base ||
	    mprotect(base, m->text_end, PROT_READ | PROT_EXEC) ||
	    mprotect((u8 *)base + m->text_end, m->rodata_end - m->text_end, PROT_READ) ||
	    mremap(m->board, HOSTED_PAGE, HOSTED_PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
		   (void *)HOSTED_BOARD_BASE) == MAP_FAILED) {
		report_errno("cannot map the kernel", errno,
			     "`hyla doctor` says what the host must allow");
		_exit(1);
	}
	unregister_thread();
	close_all_but(m->memfd);
	__asm__ volatile("jmp *%0" : : "r"(m->entry), "D"(shared), "S"(stack), "d"(&handles)
			 : "memory");
	__builtin_unreachable();
}

bool machine_start(struct machine *m)
{
	pid_t parent = getpid(), pid;

	machine_calibrate(m->shared);
	/* Whatever outlives the kernel process becomes our child, and is reaped. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	pid = fork();
	if (pid < 0) {
		report_errno("cannot start the kernel process", errno, "see `ulimit -u`");
		return false;
	}
	if (pid == 0)
		kernel_process(m, parent);
	m->pid = pid;
	return true;
}

/* The kernel may be several processes (inproc); its word on which of them runs
 * is good only if that is one of its process group. */
static void kick(struct machine *m, u32 cpu)
{
	pid_t pid = __atomic_load_n(&m->board->running[cpu], __ATOMIC_ACQUIRE);

	if (pid <= 0)
		pid = m->pid;
	else if (pid != m->pid && getpgid(pid) != m->pid)
		return;
	syscall(SYS_tgkill, pid, pid, SIGUSR1);
}

/* The CPU that is there soonest; those that were not started look like busy ones. */
static u32 choose_target(struct machine *m)
{
	struct hosted_cpu *cpu = m->shared->cpu;
	u32 idle = 0;

	for (u32 i = m->nr_cpus; i-- > 0;) {
		u32 state = __atomic_load_n(&cpu[i].state, __ATOMIC_RELAXED);

		if (state == HOSTED_IN_SPIN)
			return i;
		if (state == HOSTED_IN_IDLE)
			idle = i;
	}
	return idle;
}

void machine_irq(struct machine *m, u32 dev)
{
	struct hosted_shared *sh = m->shared;
	struct hosted_cpu *cpu;
	u32 nr;

	if (m->irq) {
		m->irq(m, dev);
		return;
	}
	nr = choose_target(m);
	cpu = &sh->cpu[nr];
	__atomic_or_fetch(&sh->irq, 1u << dev, __ATOMIC_SEQ_CST);
	if (__atomic_fetch_or(&cpu->pending, HOSTED_PEND_IRQ, __ATOMIC_SEQ_CST) & HOSTED_PEND_IRQ)
		return;
	switch (__atomic_load_n(&cpu->state, __ATOMIC_SEQ_CST)) {
	case HOSTED_IN_IDLE:
		syscall(SYS_futex, &cpu->pending, FUTEX_WAKE, 1, NULL, NULL, 0);
		break;
	case HOSTED_IN_USER:
		kick(m, nr);
		break;
	default:
		break;
	}
}
