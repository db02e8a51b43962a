/* SPDX-License-Identifier: MIT */
/*
 * elf-torture DIR SEED COUNT: executes COUNT damaged copies of itself. Each is
 * this program's own ELF image with flipped bits, odd header fields, overlapping
 * or huge segments, a bad interpreter, or cut short. The children may be refused
 * with any errno, die of any signal, or run: undamaged copies just exit. It
 * passes when it survives.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static uint64_t rng;
static pid_t child;
static unsigned char *original, *image;
static size_t original_size, size;

static uint64_t rnd(void)
{
	uint64_t z = rng += 0x9e3779b97f4a7c15UL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9UL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebUL;
	return z ^ z >> 31;
}

static uint64_t odd_value(void)
{
	static const uint64_t values[] = {
		0, 1, 7, 8, 56, 64, 4095, 4096, 4097, 65535, 65536, INT_MAX, UINT_MAX,
		1UL << 46, 1UL << 47, 0x7ffffffff000, 0x7fffffffffff, 1UL << 62,
		1UL << 63, -4096UL, -1UL, 0xffffffff80000000UL,
	};

	switch (rnd() % 4) {
	case 0:
		return rnd();
	case 1:
		return rnd() % (2 * original_size);
	default:
		return values[rnd() % (sizeof(values) / sizeof(values[0]))];
	}
}

static Elf64_Phdr *any_phdr(void)
{
	Elf64_Ehdr *eh = (Elf64_Ehdr *)original;
	size_t nr = rnd() % eh->e_phnum;

	return (Elf64_Phdr *)(image + eh->e_phoff) + nr;
}

static Elf64_Phdr *phdr_of_type(uint32_t type)
{
	Elf64_Phdr *ph = any_phdr();

	for (int i = 0; i < 50 && ph->p_type != type; i++)
		ph = any_phdr();
	return ph;
}

static void flip(size_t limit)
{
	for (int n = 1 + rnd() % 8; n > 0; n--)
		image[rnd() % limit] ^= 1 << rnd() % 8;
}

static void odd_ehdr(void)
{
	Elf64_Ehdr *eh = (Elf64_Ehdr *)image;
	uint64_t v = odd_value();

	switch (rnd() % 8) {
	case 0:
		eh->e_entry = v;
		break;
	case 1:
		eh->e_phoff = v;
		break;
	case 2:
		eh->e_phnum = v;
		break;
	case 3:
		eh->e_phentsize = v;
		break;
	case 4:
		eh->e_type = v;
		break;
	case 5:
		eh->e_machine = v;
		break;
	case 6:
		eh->e_shoff = v;
		break;
	default:
		eh->e_ident[rnd() % 16] = v;
	}
}

static void odd_phdr(void)
{
	Elf64_Phdr *ph = rnd() % 2 ? phdr_of_type(PT_LOAD) : any_phdr();
	uint64_t v = odd_value();

	switch (rnd() % 8) {
	case 0:
		ph->p_type = rnd() % 8;
		break;
	case 1:
		ph->p_flags = v;
		break;
	case 2:
		ph->p_offset = v;
		break;
	case 3:
		ph->p_vaddr = v;
		break;
	case 4:
		ph->p_filesz = v;
		break;
	case 5:
		ph->p_memsz = v;
		break;
	case 6:
		ph->p_align = v;
		break;
	default:
		ph->p_memsz = 1UL << (20 + rnd() % 44);
	}
}

static void overlap(void)
{
	Elf64_Phdr *a = phdr_of_type(PT_LOAD), *b = phdr_of_type(PT_LOAD);

	switch (rnd() % 3) {
	case 0:
		a->p_vaddr = b->p_vaddr + (rnd() % 3 - 1) * 4096;
		break;
	case 1:
		*a = *b;
		break;
	default:
		a->p_memsz = b->p_vaddr - a->p_vaddr + rnd() % 10000;
	}
}

static void bad_interpreter(void)
{
	static const char *const names[] = {
		"", "missing", "/", ".", "/dev/null", "/proc/self/exe", "image",
		"/dev/zero",
	};
	Elf64_Phdr *ph = phdr_of_type(PT_INTERP);
	const char *name = names[rnd() % 8];
	size_t where = original_size - 64;

	ph->p_type = PT_INTERP;
	ph->p_offset = rnd() % 4 ? where : odd_value();
	ph->p_filesz = rnd() % 4 ? strlen(name) + 1 : odd_value();
	if (rnd() % 4)
		strcpy((char *)image + where, name);
}

static void mutate(void)
{
	memcpy(image, original, original_size);
	size = original_size;
	for (int n = 1 + rnd() % 3; n > 0; n--) {
		switch (rnd() % 9) {
		case 0:
			flip(1024 < size ? 1024 : size);
			break;
		case 1:
			flip(original_size);
			break;
		case 2:
			size = rnd() % 2 ? rnd() % original_size : rnd() % 600;
			break;
		case 3:
			odd_ehdr();
			break;
		case 4:
		case 5:
			odd_phdr();
			break;
		case 6:
			overlap();
			break;
		case 7:
			bad_interpreter();
			break;
		default:
			memset(image + rnd() % (original_size - 256), rnd(), 256);
		}
	}
}

static void limit(int which, rlim_t value)
{
	struct rlimit rl = { value, value };

	setrlimit(which, &rl);
}

static void run_image(int *err)
{
	char *argv[] = { "image", NULL }, *envp[] = { NULL };

	for (int fd = 0; fd < 3; fd++)
		dup2(open("/dev/null", O_RDWR), fd);
	for (int fd = 3; fd < 100; fd++)
		close(fd);
	setsid();
	limit(RLIMIT_CORE, 0);
	limit(RLIMIT_AS, 1UL << 30);
	limit(RLIMIT_FSIZE, 0);
	limit(RLIMIT_CPU, 1);
	alarm(2);
	if (geteuid() == 0 &&
	    (setgroups(0, NULL) || setresgid(65534, 65534, 65534) ||
	     setresuid(65534, 65534, 65534)))
		_exit(99);
	execve("./image", argv, envp);
	*err = errno;
	_exit(98);
}

static void on_deadline(int sig)
{
	(void)sig;
	if (child > 0)
		kill(child, SIGKILL);
}

static int read_original(void)
{
	int fd = open("/proc/self/exe", O_RDONLY);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -1;
	original_size = st.st_size;
	original = malloc(original_size);
	image = malloc(original_size);
	if (!original || !image)
		return -1;
	for (size_t got = 0; got < original_size;) {
		long n = read(fd, original + got, original_size - got);

		if (n <= 0)
			return -1;
		got += n;
	}
	close(fd);
	return 0;
}

static int write_image(void)
{
	int fd;

	unlink("image");
	fd = open("image", O_WRONLY | O_CREAT | O_EXCL, 0755);
	if (fd < 0)
		return -1;
	for (size_t done = 0; done < size;) {
		long n = write(fd, image + done, size - done);

		if (n <= 0)
			return -1;
		done += n;
	}
	return close(fd);
}

int main(int argc, char **argv)
{
	struct sigaction sa = { .sa_handler = on_deadline };
	long count, refused = 0, killed = 0, ran = 0;
	char dir[PATH_MAX];
	uint64_t seed;
	int *err;

	if (argc != 4) {
		/* A damaged copy that runs comes here and ends at once. */
		if (argc > 1)
			fprintf(stderr, "usage: elf-torture DIR SEED COUNT\n");
		return 2;
	}
	seed = strtoull(argv[2], NULL, 0);
	count = strtol(argv[3], NULL, 0);
	snprintf(dir, sizeof(dir), "%s/elf-torture-XXXXXX", argv[1]);
	err = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (read_original() < 0 || err == MAP_FAILED || !mkdtemp(dir) ||
	    chmod(dir, 0755) < 0 || chdir(dir) < 0) {
		perror("elf-torture");
		return 1;
	}
	sigaction(SIGALRM, &sa, NULL);
	for (long i = 0; i < count; i++) {
		int status;
		pid_t pid;

		rng = seed * 1000003 + i;
		mutate();
		*err = 0;
		if (write_image() < 0 || (pid = fork()) < 0) {
			perror("elf-torture");
			return 1;
		}
		if (!pid)
			run_image(err);
		child = pid;
		alarm(5);
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
		alarm(0);
		child = 0;
		kill(-pid, SIGKILL);
		if (*err)
			refused++;
		else if (WIFSIGNALED(status))
			killed++;
		else
			ran++;
	}
	unlink("image");
	if (chdir("/") == 0)
		rmdir(dir);
	printf("survived %ld images: %ld refused, %ld died of a signal, %ld ran\n",
	       count, refused, killed, ran);
	return 0;
}
