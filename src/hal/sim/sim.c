/* SPDX-License-Identifier: MIT */
/*
 * The simulated HAL; see sim.h. Also the shortest complete implementation of
 * the contract in src/hal, so a port can begin as a copy of this file.
 *
 * The kernel runs as coroutines of the test's thread: context_switch() goes to
 * the boot stack and, when the kernel halts, back. One CPU, no interrupts: the
 * timer "fires" in hal_idle and in hal_poll, when virtual time has reached it.
 */
#include "hal/sim/sim.h"

#include "abi/elf.h"
#include "abi/errno.h"
#include "hal/cpu.h"
#include "hal/hal.h"
#include "hal/mem.h"
#include "hal/sim/host.h"
#include "kernel/sched.h"
#include "kernel/task.h"
#include "lib/string.h"
#include "mm/mm.h"
#include "mm/pgtable.h"
#include "mm/slab.h"

#define BOOT_STACK 0		/* offsets into the memory */
#define INITRD_AT 65536
#define INITRD_ROOM 65536
#define CORE_AT (INITRD_AT + INITRD_ROOM)
#define LOG_ROOM 65536

static struct hal_info info;
static u64 now_ns, armed_ns = U64_MAX;
static void *host_sp;
static int halt_status;
static void (*user_script)(void);
static void (*call_fn)(void *arg);
static void *call_arg;
static char log_text[LOG_ROOM];
static size_t log_len;

/* ---- the machine ---- */

const struct hal_info *hal_info(void) { return &info; }
u64 hal_clock_ns(void) { return now_ns += 100; }
u64 hal_clock_epoch_ns(void) { return 1600000000ul * 1000000000ul; }
void hal_timesource(struct hal_timesource *ts) { *ts = (struct hal_timesource){ 0 }; }

size_t hal_entropy(void *buf, size_t size)
{
	memset(buf, 0x5a, size);	/* every run is the same */
	return size;
}

void hal_log_write(const char *text, size_t len)
{
	size_t n = min(len, LOG_ROOM - 1 - log_len);

	memcpy(log_text + log_len, text, n);
	log_len += n;
}

const char *sim_log(void)
{
	log_text[log_len] = 0;
	return log_text;
}

void hal_halt(int status)
{
	void *unused;

	halt_status = status;
	context_switch(&unused, host_sp);
	__builtin_unreachable();
}

void hal_panic_halt(void)
{
	host_print(sim_log(), log_len);
	host_fail("kernel panic");
}

/* ---- CPU ---- */

void hal_thread_switch(struct hal_thread *prev, struct hal_thread *next) { (void)prev; (void)next; }
void hal_fp_sync(struct hal_thread *ht) { (void)ht; }
void hal_fp_dirty(struct hal_thread *ht) { (void)ht; }
void hal_thread_exit(struct hal_thread *ht) { (void)ht; }
int hal_cpu_start(u32 cpu, void *kstack) { (void)cpu; (void)kstack; return -ENODEV; }
void hal_relax(void) { }
void hal_ipi(u32 cpu) { (void)cpu; }
void hal_timer_arm(u64 abs_ns) { armed_ns = abs_ns; }

void hal_poll(void)
{
	sim_deliver_irqs();
	if (now_ns >= armed_ns) {
		armed_ns = U64_MAX;
		kern_timer();
	}
}

void hal_idle(void)
{
	if (sim_deliver_irqs())
		return;
	if (armed_ns == U64_MAX)
		host_fail("idle for ever: every task sleeps and no timer is armed");
	now_ns = max(now_ns, armed_ns);
	hal_poll();
}

void hal_user_enter(struct trapframe *tf)
{
	(void)tf;
	if (user_script)
		user_script();
	sim_sys1(231, 0);
	host_fail("exit_group returned");
	__builtin_unreachable();
}

s64 sim_syscall(u64 nr, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f)
{
	struct trapframe *tf = current->tf;
	struct trapinfo ti = { .kind = TRAP_SYSCALL };

	tf->orig_rax = tf->rax = nr;
	tf->rdi = a;
	tf->rsi = b;
	tf->rdx = c;
	tf->r10 = d;
	tf->r8 = e;
	tf->r9 = f;
	now_ns += 1000;
	hal_poll();
	kern_trap(tf, &ti);
	return (s64)tf->rax;
}

/* ---- memory ---- */

int hal_as_init(struct hal_as *as) { (void)as; return 0; }
void hal_as_destroy(struct hal_as *as) { (void)as; }
void hal_as_activate(struct hal_as *as) { (void)as; }
void hal_tlb_flush(struct hal_as *as, uaddr_t va, size_t pages) { (void)as; (void)va; (void)pages; }
void hal_tlb_flush_all(struct hal_as *as) { (void)as; }
void hal_tlb_fill(struct hal_as *as, uaddr_t va, size_t pages) { (void)as; (void)va; (void)pages; }
void *hal_kstack_map(paddr_t pa) { return info.phys_base + pa; }
void hal_kstack_unmap(void *stack) { (void)stack; }
void hal_mem_discard(paddr_t pa, u64 size) { (void)pa; (void)size; }

static bool access_user(uaddr_t va, void *buf, size_t size, bool write)
{
	while (size) {
		size_t n = min(size, PAGE_SIZE - (va & ~PAGE_MASK));
		struct trapinfo ti = { .kind = TRAP_FAULT, .addr = va,
				       .error = write ? FAULT_WRITE : 0 };
		pte_t *pte = pte_lookup(&current->mm->as, va);
		u8 *k;

		if (!pte || !(*pte & PTE_P) || (write && !(*pte & PTE_W))) {
			kern_trap(current->tf, &ti);
			pte = pte_lookup(&current->mm->as, va);
			if (!pte || !(*pte & PTE_P) || (write && !(*pte & PTE_W)))
				return false;
		}
		k = (u8 *)phys_to_virt(*pte & PTE_ADDR) + (va & ~PAGE_MASK);
		if (write)
			memcpy(k, buf, n);
		else
			memcpy(buf, k, n);
		va += n;
		buf = (u8 *)buf + n;
		size -= n;
	}
	return true;
}

bool sim_poke(uaddr_t to, const void *from, size_t size)
{
	return access_user(to, (void *)from, size, true);
}

bool sim_peek(void *to, uaddr_t from, size_t size)
{
	return access_user(from, to, size, false);
}

/* ---- the initrd: one file, /init, a program of one writable page ---- */

static u32 cpio_entry(char *at, const char *name, u32 mode, const void *data, u32 size)
{
	u32 name_size = (u32)strlen(name) + 1, n;

	n = (u32)snprintf(at, 256, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
			  1, mode, 0, 0, 1, 0, size, 0, 0, 0, 0, name_size, 0);
	memcpy(at + n, name, name_size);
	n = align_up(n + name_size, 4u);
	memcpy(at + n, data, size);
	return align_up(n + size, 4u);
}

static u32 make_initrd(char *at)
{
	struct {
		struct elf64_ehdr eh;
		struct elf64_phdr ph[2];
	} elf = {
		.eh = { .ident = "\177ELF\2\1\1", .type = ET_EXEC, .machine = EM_X86_64, .version = 1,
			.entry = 0x400000, .phoff = sizeof(struct elf64_ehdr),
			.ehsize = sizeof(struct elf64_ehdr), .phentsize = sizeof(struct elf64_phdr),
			.phnum = 2 },
		.ph = { { .type = PT_LOAD, .flags = PF_R | PF_X, .vaddr = 0x400000,
			  .filesz = sizeof(elf), .memsz = sizeof(elf), .align = PAGE_SIZE },
			{ .type = PT_LOAD, .flags = PF_R | PF_W, .vaddr = SIM_SCRATCH,
			  .memsz = PAGE_SIZE, .align = PAGE_SIZE } },
	};
	u32 n = cpio_entry(at, "init", 0100755, &elf, sizeof(elf));

	return n + cpio_entry(at + n, "TRAILER!!!", 0, "", 0);
}

/* ---- starting ---- */

static void boot_main(void)
{
	kern_main();
}

static void call_main(void)
{
	task_init_boot();
	slab_init();
	page_init();
	sched_init(&boot_task);
	call_fn(call_arg);
	hal_halt(0);
}

/* Each test runs in a process of its own, so this happens once. */
static int run(void (*entry)(void))
{
	u8 *mem = host_memory(SIM_MEMORY, 1 << 20);
	u64 *sp = (u64 *)(mem + BOOT_STACK + KSTACK_SIZE) - 16;

	info = (struct hal_info){
		.abi_version = HAL_ABI_VERSION, .nr_cpus = 1, .mem_count = 1,
		.mem = { { CORE_AT, SIM_MEMORY - CORE_AT } }, .phys_base = mem,
		.user_limit = 0x5ffffffff000ul, .cmdline = "", .config = "\0", .config_size = 1,
		.initrd = INITRD_AT, .initrd_size = make_initrd((char *)mem + INITRD_AT),
		.fp_size = 576, .xfeatures = 3, .name = "sim",
	};
	((struct kstack *)(mem + BOOT_STACK))->cpu = &cpus[0];
	memset(sp, 0, 8 * sizeof(u64));
	sp[6] = (u64)entry;
	context_switch(&host_sp, sp);
	return halt_status;
}

void sim_call(void (*fn)(void *arg), void *arg)
{
	call_fn = fn;
	call_arg = arg;
	run(call_main);
}

int sim_boot(void (*script)(void))
{
	user_script = script;
	return run(boot_main);
}
