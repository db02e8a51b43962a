/* SPDX-License-Identifier: MIT */
/* The tests' own little core: memory, page tables, stacks, TAP; see conformance.h. */
#include "conformance.h"

#define ADDR_MASK 0x000ffffffffff000ul

u8 *data_page;
volatile u32 timer_count, ipi_count, irq_count[HAL_VIRTIO_MAX];

static u32 tests, failures;
static paddr_t next_page;
static u8 *free_kstack[64];
static u32 nr_free_kstacks;

/* What compilers call without being asked, and what the core gives its HALs. */
void *memcpy(void *dst, const void *src, size_t size);
void *memset(void *dst, int c, size_t size);
void *memmove(void *dst, const void *src, size_t size);
int memcmp(const void *a, const void *b, size_t size);

void *memcpy(void *dst, const void *src, size_t size)
{
	void *d = dst;

	__asm__ volatile("rep movsb" : "+D"(d), "+S"(src), "+c"(size) : : "memory");
	return dst;
}

void *memset(void *dst, int c, size_t size)
{
	void *d = dst;

	__asm__ volatile("rep stosb" : "+D"(d), "+c"(size) : "a"(c) : "memory");
	return dst;
}

void *memmove(void *dst, const void *src, size_t size)
{
	u8 *d = dst;
	const u8 *s = src;

	if (d <= s)
		return memcpy(dst, src, size);
	while (size--)
		((volatile u8 *)d)[size] = s[size];
	return dst;
}

int memcmp(const void *a, const void *b, size_t size)
{
	const volatile u8 *x = a, *y = b;

	for (size_t i = 0; i < size; i++)
		if (x[i] != y[i])
			return x[i] - y[i];
	return 0;
}

void say(const char *text)
{
	size_t len = 0;

	while (text[len])
		len++;
	hal_log_write(text, len);
}

static void say_number(u64 value, u32 base)
{
	char text[24];
	u32 at = sizeof(text);

	do
		text[--at] = "0123456789abcdef"[value % base];
	while (value /= base);
	hal_log_write(text + at, sizeof(text) - at);
}

void panic(const char *fmt, ...)
{
	say("Bail out! panic: ");
	say(fmt);
	say("\n");
	hal_panic_halt();
}

void panic_from(const u64 *stack, const char *fmt, ...)
{
	(void)stack;
	panic("%s", fmt);
}

void check(bool good, const char *name)
{
	if (!good) {
		failures++;
		say("not ");
	}
	say("ok ");
	say_number(++tests, 10);
	say(" - ");
	say(name);
	say("\n");
}

/* QEMU's software CPU raises neither #AC nor #XM. */
static bool is_tcg(void)
{
	u32 a = 0x40000000, b, c = 0, d;

	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	return b == 0x54474354;		/* "TCGT" */
}

void check_hardware(bool good, const char *name)
{
	if (good || !is_tcg()) {
		check(good, name);
		return;
	}
	say("ok ");
	say_number(++tests, 10);
	say(" - ");
	say(name);
	say(" # SKIP not in QEMU's TCG\n");
}

void note(const char *text, u64 value)
{
	say("# ");
	say(text);
	say(" ");
	say_number(value, 10);
	say("\n");
}

void check_eq(u64 got, u64 want, const char *name)
{
	check(got == want, name);
	if (got == want)
		return;
	say("# got 0x");
	say_number(got, 16);
	say(", want 0x");
	say_number(want, 16);
	say("\n");
}

/* The largest range: a machine may begin with a small one below 1 MiB. */
static const struct hal_mem_range *ram(void)
{
	const struct hal_info *info = hal_info();
	const struct hal_mem_range *best = &info->mem[0];

	for (u32 i = 1; i < info->mem_count; i++)
		if (info->mem[i].size > best->size)
			best = &info->mem[i];
	return best;
}

void *mem_alloc(u64 size)
{
	const struct hal_info *info = hal_info();
	u8 *p;

	size = align_up(size, 4096ul);
	if (!next_page)
		next_page = ram()->start;
	if (next_page + size > ram()->start + ram()->size)
		panic("out of memory");
	p = info->phys_base + next_page;
	next_page += size;
	memset(p, 0, size);
	return p;
}

void *page_new(void)
{
	return mem_alloc(4096);
}

paddr_t phys(const void *p)
{
	return (const u8 *)p - hal_info()->phys_base;
}

static u64 *pte_of(struct hal_as *as, uaddr_t va)
{
	paddr_t table = as->root;

	for (int shift = 39;; shift -= 9) {
		u64 *entry = (u64 *)(hal_info()->phys_base + table) + (va >> shift & 511);

		if (shift == 12)
			return entry;
		if (!(*entry & PTE_P))
			*entry = phys(page_new()) | PTE_P | PTE_W | PTE_U;
		table = *entry & ADDR_MASK;
	}
}

void as_map(struct hal_as *as, uaddr_t va, paddr_t pa, u64 flags)
{
	*pte_of(as, va) = pa | flags | PTE_P | PTE_U;
}

void as_unmap(struct hal_as *as, uaddr_t va)
{
	*pte_of(as, va) = 0;
}

void as_new(struct hal_as *as)
{
	u64 code_size = guest_end - guest_start;
	u8 *code = mem_alloc(code_size);

	memset(as, 0, sizeof(*as));
	as->root = phys(page_new());
	if (hal_as_init(as))
		panic("hal_as_init");
	memcpy(code, guest_start, code_size);
	for (u64 at = 0; at < code_size; at += 4096)
		as_map(as, CODE_VA + at, phys(code) + at, 0);
	data_page = page_new();
	as_map(as, DATA_VA, phys(data_page), PTE_W | PTE_NX);
	as_map(as, STACK_TOP - 4096, phys(page_new()), PTE_W | PTE_NX);
}

/* Nested calls are of one CPU; see test_smp.c. */
static u32 lock_word, lock_depth;
static u8 *lock_stack;

static u8 *this_stack(void)
{
	return (u8 *)align_down((u64)__builtin_frame_address(0), KSTACK_SIZE);
}

void kern_lock(void)
{
	if (__atomic_load_n(&lock_stack, __ATOMIC_RELAXED) == this_stack()) {
		lock_depth++;
		return;
	}
	while (__atomic_exchange_n(&lock_word, 1, __ATOMIC_ACQUIRE))
		hal_relax();
	__atomic_store_n(&lock_stack, this_stack(), __ATOMIC_RELAXED);
	lock_depth = 1;
}

void kern_unlock(void)
{
	if (--lock_depth)
		return;
	__atomic_store_n(&lock_stack, NULL, __ATOMIC_RELAXED);
	__atomic_store_n(&lock_word, 0, __ATOMIC_RELEASE);
}

/* void switch_stack(u64 *save_rsp, u64 load_rsp) */
__asm__(".text\n"
	"switch_stack:\n"
	"	push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
	"	mov %rsp, (%rdi)\n"
	"	mov %rsi, %rsp\n"
	"	pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
	"	ret\n"
	"task_start:\n"
	"	mov %rbx, %rdi\n"
	"	call hal_user_enter\n"
	"	ud2\n");
extern void switch_stack(u64 *save_rsp, u64 load_rsp) __attribute__((visibility("hidden")));
extern const u8 task_start[] __attribute__((visibility("hidden")));

void task_new(struct task *t, struct hal_as *as, uaddr_t rip)
{
	u64 *sp;

	memset(t, 0, sizeof(*t));
	if (nr_free_kstacks) {
		t->kstack = free_kstack[--nr_free_kstacks];
	} else {
		next_page = next_page ? align_up(next_page, KSTACK_SIZE) : 0;
		if (!next_page)
			next_page = align_up(ram()->start, KSTACK_SIZE);
		t->kstack = hal_kstack_map(phys(mem_alloc(KSTACK_SIZE)));
		if (!t->kstack)
			panic("hal_kstack_map");
	}
	*(struct task **)t->kstack = t;
	t->as = as;
	t->fp = mem_alloc(hal_info()->fp_size);
	t->ht.fp = t->fp;
	t->tf = (struct trapframe *)(t->kstack + KSTACK_SIZE) - 1;
	memset(t->tf, 0, sizeof(*t->tf));
	t->tf->rip = rip;
	t->tf->rsp = STACK_TOP - 256;
	t->tf->rflags = 0x202;
	t->tf->cs = 0x33;
	t->tf->ss = 0x2b;
	t->tf->orig_rax = -1;
	sp = (u64 *)t->tf - 8;
	*--sp = (u64)task_start;
	*--sp = (u64)t->tf;	/* rbx */
	sp -= 5;
	t->rsp = (u64)sp;
}

void task_free(struct task *t)
{
	hal_thread_exit(&t->ht);
	if (nr_free_kstacks < ARRAY_SIZE(free_kstack))
		free_kstack[nr_free_kstacks++] = t->kstack;
}

void run_once(struct task *t)
{
	kern_lock();
	hal_as_activate(t->as);
	hal_thread_switch(NULL, &t->ht);
	kern_unlock();
	switch_stack(&t->main_rsp, t->rsp);
	t->main_rsp = 0;
}

void run(struct task *t)
{
	do
		run_once(t);
	while (t->info.kind == TRAP_KICK);
}

void kern_trap(struct trapframe *tf, struct trapinfo *info)
{
	struct task *t = *(struct task **)this_stack();

	if (!t->main_rsp || tf != t->tf)
		panic("kern_trap: not the trapframe of this task");
	t->info = *info;
	kern_lock();
	hal_thread_switch(&t->ht, NULL);
	kern_unlock();
	switch_stack(&t->rsp, t->main_rsp);
}

void kern_timer(void)
{
	timer_count++;
}

void kern_ipi(void)
{
	ipi_count++;
}

void kern_virtio_irq(u32 dev)
{
	if (dev < HAL_VIRTIO_MAX)
		irq_count[dev]++;
}

void kern_cpu_main(u32 cpu)
{
	if (cpu != 1)
		panic("kern_cpu_main: nobody started that CPU");
	smp_main();
}

void finish(void)
{
	say("1..");
	say_number(tests, 10);
	say("\n");
	hal_halt((failures ? 1 : 0) << 8);
}

paddr_t kern_table_page(void)
{
	return phys(page_new());
}

/* No program text here. */
bool kern_text(const struct hal_as *as, uaddr_t va, struct hal_text *text)
{
	(void)as;
	(void)va;
	(void)text;
	return false;
}
