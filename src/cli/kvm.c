/* SPDX-License-Identifier: MIT */
/*
 * Does KVM work here? /dev/kvm may be there and refuse, or emulate each guest
 * instruction in software, badly, as in some nested machines: so a guest of two
 * instructions is run to its exit, one of which KVM's emulator does not know.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cli/vm.h"

#define CODE_ADDR 0x1000u

static const u8 code[] = { 0x66, 0x0f, 0xef, 0xc0,	/* pxor %xmm0, %xmm0 */
			   0xf4 };			/* hlt */

/* Real mode at CODE_ADDR, with SSE. */
static bool run_to_halt(int cpu, int run_size)
{
	struct kvm_run *run = mmap(NULL, (size_t)run_size, PROT_READ | PROT_WRITE, MAP_SHARED, cpu, 0);
	struct kvm_regs regs = { .rip = CODE_ADDR, .rflags = 2 };
	struct kvm_sregs sregs;
	bool works = false;

	if (run == MAP_FAILED)
		return false;
	if (!ioctl(cpu, KVM_GET_SREGS, &sregs)) {
		sregs.cs.base = 0;
		sregs.cs.selector = 0;
		sregs.cr0 &= ~0xcul;	/* EM, TS */
		sregs.cr4 |= 0x600;	/* OSFXSR, OSXMMEXCPT */
		works = !ioctl(cpu, KVM_SET_SREGS, &sregs) && !ioctl(cpu, KVM_SET_REGS, &regs) &&
			!ioctl(cpu, KVM_RUN, 0) && run->exit_reason == KVM_EXIT_HLT;
	}
	munmap(run, (size_t)run_size);
	return works;
}

bool kvm_works(void)
{
	u8 *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct kvm_userspace_memory_region region = {
		.guest_phys_addr = CODE_ADDR,
		.memory_size = 4096,
		.userspace_addr = (u64)memory,
	};
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC), vm = -1, cpu = -1, size = -1;
	bool works = false;

	if (kvm >= 0 && memory != MAP_FAILED) {
		memcpy(memory, code, sizeof(code));
		vm = ioctl(kvm, KVM_CREATE_VM, 0);
		size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	}
	if (vm >= 0 && !ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region))
		cpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	if (cpu >= 0 && size > 0)
		works = run_to_halt(cpu, size);
	if (cpu >= 0)
		close(cpu);
	if (vm >= 0)
		close(vm);
	if (kvm >= 0)
		close(kvm);
	if (memory != MAP_FAILED)
		munmap(memory, 4096);
	return works;
}
