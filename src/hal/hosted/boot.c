/* SPDX-License-Identifier: MIT */
/*
 * Hosted HAL: start, log and end of the kernel process.
 *
 * The supervisor (machine.c) has mapped physical memory at HOSTED_BASE, filled
 * in struct hosted_shared and forked; hosted_main() is the first code of the
 * kernel image that runs. It forgets the supervisor's memory (a fork has a
 * copy of all of it), makes its private memory, catches signals and enters the
 * core on the boot stack. From then on the process is nothing but the window,
 * the private memory and one descriptor, the memfd. With the inproc engine the
 * private memory is shared by the processes that make up the kernel.
 *
 * The log is a ring in shared memory that the device process prints; a writer
 * that finds it full waits, but not for ever.
 */
#include "hal/hal.h"
#include "hal/hosted/linux.h"
#include "hal/hosted/private.h"

const struct hosted_engine *const hosted_engines[HOSTED_ENGINES] = {
	[HOSTED_ENGINE_PTRACE] = &ptrace_engine,
	[HOSTED_ENGINE_INPROC] = &inproc_engine,
};

static struct hal_info info;

const struct hal_info *hal_info(void)
{
	return &info;
}

/* Who crashes while another CPU writes does not wait for ever. */
static void lock_log(void)
{
	for (u32 i = 0; i < 1000; i++) {
		if (!__atomic_exchange_n(&hosted_priv()->log_lock, 1, __ATOMIC_ACQUIRE))
			break;
		hal_relax();
	}
}

static void unlock_log(void)
{
	__atomic_store_n(&hosted_priv()->log_lock, 0, __ATOMIC_RELEASE);
}

static void put_log(const char *text, size_t len)
{
	struct hosted_shared *sh = hosted_shared();
	struct hosted_log *log = &sh->log;
	struct host_timespec patience = { 1, 0 };
	u32 head = log->head;

	while (len) {
		u32 tail = __atomic_load_n(&log->tail, __ATOMIC_ACQUIRE);

		if (head - tail >= HOSTED_LOG_SIZE) {
			__atomic_add_fetch(&sh->bell[HOSTED_BELL_IO].seq, 1, __ATOMIC_SEQ_CST);
			host_futex_wake(&sh->bell[HOSTED_BELL_IO].seq, 1);
			/* A supervisor that is gone or stuck costs us the rest. */
			if (host_futex_wait(&log->tail, tail, &patience) < 0 &&
			    __atomic_load_n(&log->tail, __ATOMIC_ACQUIRE) == tail)
				return;
			continue;
		}
		log->data[head % HOSTED_LOG_SIZE] = *text++;
		__atomic_store_n(&log->head, ++head, __ATOMIC_RELEASE);
		len--;
	}
	__atomic_add_fetch(&sh->bell[HOSTED_BELL_IO].seq, 1, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&sh->bell[HOSTED_BELL_IO].sleeping, __ATOMIC_SEQ_CST))
		host_futex_wake(&sh->bell[HOSTED_BELL_IO].seq, 1);
}

void hal_log_write(const char *text, size_t len)
{
	lock_log();
	put_log(text, len);
	unlock_log();
}

static void log_text(const char *s)
{
	size_t len = 0;

	while (s[len])
		len++;
	hal_log_write(s, len);
}

static void log_hex(const char *name, u64 value)
{
	char text[16];

	for (u32 i = 0; i < 16; i++)
		text[i] = "0123456789abcdef"[value >> (60 - 4 * i) & 15];
	log_text(name);
	hal_log_write(text, 16);
}

void hal_halt(int status)
{
	struct hosted_shared *sh = hosted_shared();

	sh->status = status;
	__atomic_store_n(&sh->end, HOSTED_HALTED, __ATOMIC_RELEASE);
	hosted_priv()->engine->halt(0);
}

void hal_panic_halt(void)
{
	__atomic_store_n(&hosted_shared()->end, HOSTED_PANICKED, __ATOMIC_RELEASE);
	if (hosted_priv()->engine)
		hosted_priv()->engine->halt(1);
	host_exit(1);
	__builtin_unreachable();
}

void hosted_fail(const char *what, s64 error)
{
	log_text("hyla: ");
	log_text(what);
	if (error < 0)
		log_hex(": host errno ", -error);
	log_text("\n");
	hal_panic_halt();
}

size_t hal_entropy(void *buf, size_t size)
{
	struct hosted_shared *sh = hosted_shared();
	static u64 state;	/* under the kernel lock */
	u8 *out = buf;

	if (!sh->seeded) {
		s64 got = host_call3(NR_getrandom, (u64)buf, size, 0);

		return got < 0 ? 0 : (size_t)got;
	}
	for (size_t i = 0; i < size; i++) {	/* splitmix64, a byte at a time */
		u64 z = (state += 0x9e3779b97f4a7c15ul) + sh->seed[0];

		z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ul;
		z = (z ^ z >> 27) * 0x94d049bb133111ebul;
		out[i] = (z ^ z >> 31) >> 56;
	}
	return size;
}

/* The window has no room for guards: the canary of the core has to do. */
void *hal_kstack_map(paddr_t pa)
{
	return (void *)(HOSTED_BASE + pa);
}

void hal_kstack_unmap(void *stack)
{
	(void)stack;
}

void hal_mem_discard(paddr_t pa, u64 size)
{
	/* A hole in the memfd is gone from every process at once. A host that
	 * refuses keeps the memory: no harm but to itself. */
	host_call3(NR_madvise, HOSTED_BASE + pa, size, HOST_MADV_REMOVE);
}

void hosted_user_enter(struct trapframe *tf)
{
	hosted_priv()->engine->user_enter(tf);
}

void hosted_crash(int signo, struct host_siginfo *si, struct host_ucontext *uc)
{
	u64 frame = uc->rbp;

	log_text("hyla: the kernel crashed:");
	log_hex(" signal ", signo);
	log_hex(" rip ", uc->rip);
	log_hex("\n  address ", si->addr);
	log_hex(" rsp ", uc->rsp);
	log_hex(" rax ", uc->rax);
	log_hex("\n  rdi ", uc->rdi);
	log_hex(" rsi ", uc->rsi);
	log_hex(" rdx ", uc->rdx);
	log_hex(" rbx ", uc->rbx);
	log_text("\n  on the stack:");
	(void)frame;
	/* Words that look like return addresses; the frame pointer is not kept. */
	for (u64 p = uc->rsp & ~7ul, n = 0; n < 24; p += 8) {
		u64 word;

		if (p < HOSTED_BASE || (p | (HOSTED_STACK_SIZE - 1)) !=
		    (uc->rsp | (HOSTED_STACK_SIZE - 1)))
			break;
		word = *(u64 *)p;
		if (word >= HOSTED_BASE && word < HOSTED_BASE + hosted_shared()->text_end) {
			log_hex(" ", word);
			n++;
		}
	}
	log_text("\n");
	hal_panic_halt();
}

int hosted_catch(int signo, void *handler, u64 flags)
{
	struct host_sigaction sa = {
		.handler = handler,
		.flags = flags | HOST_SA_RESTORER,
		.restorer = (void *)hosted_restorer,
	};

	return host_call4(NR_rt_sigaction, signo, (u64)&sa, 0, 8);
}

/* Everything that came with the fork but the window goes. */
static void forget_supervisor(struct hosted_shared *sh)
{
	u64 window_end = HOSTED_BASE + sh->window_end;

	host_munmap(0, HOSTED_BASE);
	host_munmap(window_end, HOSTED_PRIVATE_BASE - window_end);
	host_munmap(HOSTED_BOARD_BASE + HOSTED_PAGE,
		    HOSTED_TASK_SIZE - HOSTED_BOARD_BASE - HOSTED_PAGE);
}

static void init_signals(void)
{
	struct hosted_private *p = hosted_priv();
	struct host_stack stack = { p->sigstack, 0, HOSTED_SIGSTACK_SIZE };
	static const int fatal[] = { HOST_SIGSEGV, HOST_SIGBUS, HOST_SIGILL, HOST_SIGFPE,
				     HOST_SIGTRAP };
	u64 none = 0;

	host_call3(NR_sigaltstack, (u64)&stack, 0, 0);
	for (int i = 1; i < 32; i++)
		if (i != HOST_SIGKILL && i != HOST_SIGSTOP)
			hosted_catch(i, (void *)1, 0);	/* SIG_IGN */
	for (u32 i = 0; i < ARRAY_SIZE(fatal); i++)
		hosted_catch(fatal[i], (void *)hosted_crash, HOST_SA_SIGINFO | HOST_SA_ONSTACK);
	/* Not ignored, or the stubs could not be waited for; no signal per stop. */
	hosted_catch(HOST_SIGCHLD, NULL, HOST_SA_NOCLDSTOP);
	host_call4(NR_rt_sigprocmask, 2, (u64)&none, 0, 8);
}

static void fill_info(struct hosted_shared *sh, const struct hosted_engine *engine)
{
	info.abi_version = HAL_ABI_VERSION;
	info.nr_cpus = sh->nr_cpus;
	info.caps = sh->caps | engine->caps | HAL_CAP_ZEROED;
	info.mem_count = 1;
	info.mem[0].start = sh->mem_start;
	info.mem[0].size = sh->mem_end - sh->mem_start;
	info.phys_base = (u8 *)HOSTED_BASE;
	info.user_limit = HOSTED_USER_LIMIT;
	info.cmdline = sh->cmdline;
	info.config = sh->config_size ? hosted_virt(sh->config) : NULL;
	info.config_size = sh->config_size;
	info.initrd = sh->initrd;
	info.initrd_size = sh->initrd_size;
	info.initrd_ram = true;
	info.xfeatures = sh->xfeatures;
	info.fp_size = sh->fp_size;
	info.hwcap = sh->hwcap;
	info.hwcap2 = sh->hwcap2;
	info.tsc_khz = sh->tsc_khz;
	info.name = engine->name;
}

void hosted_main(struct hosted_shared *shared, const struct hosted_handles *handles)
{
	struct hosted_handles copy = *handles;
	struct hosted_private *p = hosted_priv();
	s64 err;

	err = host_mmap(HOSTED_PRIVATE_BASE, HOSTED_PRIVATE_SIZE,
			HOST_PROT_READ | HOST_PROT_WRITE,
			(shared->engine == HOSTED_ENGINE_INPROC ? HOST_MAP_SHARED :
			 HOST_MAP_PRIVATE) |
			HOST_MAP_ANONYMOUS | HOST_MAP_FIXED | HOST_MAP_NORESERVE, -1, 0);
	if (err < 0)
		host_exit(1);
	p->shared = shared;
	p->handles = copy;
	forget_supervisor(shared);
	init_signals();
	if (shared->magic != HOSTED_MAGIC || shared->engine >= HOSTED_ENGINES)
		hosted_fail("the kernel image does not belong to this hyla", 0);
	p->engine = hosted_engines[shared->engine];
	fill_info(shared, p->engine);
	err = hosted_cpu_init();
	if (err)
		hosted_fail("timer", err);
	err = p->engine->init();
	if (err)
		hosted_fail("engine", err);
	kern_main();
}
