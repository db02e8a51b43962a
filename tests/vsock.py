#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""vsock.py HYLA run|boot [OPTIONS]: AF_VSOCK between the guest and Unix sockets of this host.

Prints TAP. In the environment, HYLA_VSOCK_MB is how much "big" is (100), and HYLA_VSOCK_TESTS
names the tests to run (all), as in "data many". The guest runs this same file, with `guest
ROLE ARGS`, or socat. Nothing here waits by sleeping: a guest says "ready", an end of file ends.
"""
import hashlib
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

BIG = int(os.environ.get("HYLA_VSOCK_MB", "100")) << 20
CHUNK = 1 << 20
ME = os.path.abspath(__file__)


def digest_of(sock):
    """Reads to the end: (bytes, sha256)."""
    h, n = hashlib.sha256(), 0
    while True:
        data = sock.recv(CHUNK)
        if not data:
            return n, h.hexdigest()
        n += len(data)
        h.update(data)


def send_big(sock, size=BIG):
    """Sends, ends that half, and returns (bytes, sha256)."""
    h, block, n = hashlib.sha256(), os.urandom(CHUNK), 0
    while n < size:
        sock.sendall(block)
        h.update(block)
        n += len(block)
    sock.shutdown(socket.SHUT_WR)
    return n, h.hexdigest()


# ---- in the guest ----

def vsock_connect(port, cid=2):
    s = socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)
    s.connect((cid, port))
    return s


def vsock_listen(port, backlog=64):
    s = socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)
    s.bind((socket.VMADDR_CID_ANY, port))
    s.listen(backlog)
    print("ready", flush=True)
    return s


def guest_both_ways(port):
    """Sends as much as it reads, at the same time."""
    s = vsock_connect(int(port))
    sent = []
    t = threading.Thread(target=lambda: sent.append(send_big(s)))
    t.start()
    print(*digest_of(s))
    t.join()
    print(*sent[0])


def guest_serve(port, count):
    """Each of count connections is answered by the digest of what it sent."""
    lis = vsock_listen(int(port))

    def one(c):
        c.sendall(("%d %s" % digest_of(c)).encode())
        c.close()
    threads = []
    for _ in range(int(count)):
        c, peer = lis.accept()
        assert peer[0] == 2, peer
        threads.append(threading.Thread(target=one, args=(c,)))
        threads[-1].start()
    for t in threads:
        t.join()


def guest_until_broken(port):
    """Sends until nobody is there to read it."""
    s = vsock_connect(int(port))
    print("ready", flush=True)
    try:
        while True:
            s.sendall(b"x" * 65536)
    except OSError as e:
        print(e.errno, len(s.recv(10)))


def guest_read(port):
    s = vsock_listen(int(port)).accept()[0]
    print(digest_of(s)[0])


def guest_send_and_leave(port, size):
    s = vsock_connect(int(port))
    s.sendall(b"y" * int(size))
    print("done", flush=True)


def guest_endless(port):
    c = vsock_listen(int(port)).accept()[0]
    while True:
        c.sendall(b"z" * 65536)


def guest_end_carries_credit(port):
    """Lets its buffer fill, reads too little to say so, and ends its half, which says it."""
    import fcntl
    s = vsock_connect(int(port))
    while struct.unpack("I", fcntl.ioctl(s, 0x541b, b"\0\0\0\0"))[0] < 262144:
        os.sched_yield()
    n = len(s.recv(100000, socket.MSG_WAITALL))
    s.shutdown(socket.SHUT_WR)
    print(n + digest_of(s)[0])


def guest_cid():
    import fcntl
    with open("/dev/vsock") as f:
        print(struct.unpack("I", fcntl.ioctl(f, 0x7b9, b"\0\0\0\0"))[0])


def guest_refused(port, cid):
    try:
        vsock_connect(int(port), int(cid))
        print("connected")
    except OSError as e:
        print(e.errno)


# ---- on the host ----

class Machine:
    def __init__(self, args, *command, vsock=None, stderr=None):
        self.dir = tempfile.mkdtemp()
        self.path = os.path.join(self.dir, "v")
        opts = ["--bind", os.path.dirname(ME) + ":/mnt:ro"]
        opts += ["--vsock", vsock or self.path] if vsock != "" else []
        self.p = subprocess.Popen(args + ["--timeout", "100"] + opts + ["--"] + list(command),
                                  stdout=subprocess.PIPE, stderr=stderr,
                                  stdin=subprocess.DEVNULL, text=True)

    def expect_ready(self):
        line = self.p.stdout.readline()
        assert line == "ready\n", line

    def end(self):
        """(exit code, output); the directory goes, and what is in it is told."""
        out = self.p.communicate(timeout=120)[0]
        left = os.listdir(self.dir)
        shutil.rmtree(self.dir)
        return self.p.returncode, out, left

    def call(self, port):
        """A connection to the guest's port."""
        s = socket.socket(socket.AF_UNIX)
        s.connect(self.path)
        s.sendall(b"CONNECT %d\n" % port)
        line = b""
        while not line.endswith(b"\n"):
            c = s.recv(1)
            if not c:
                return None
            line += c
        assert line.startswith(b"OK ") and int(line[3:]) > 0, line
        return s


class Listener:
    """Where the guest's connections to `port` arrive; path before the machine is there."""
    def __init__(self, machine_path, port):
        self.s = socket.socket(socket.AF_UNIX)
        self.s.bind("%s_%d" % (machine_path, port))
        self.s.listen(64)

    def accept(self):
        return self.s.accept()[0]


count = bad = 0


def check(got, want, what):
    global count, bad
    count += 1
    if got == want:
        print("ok %d - %s" % (count, what), flush=True)
    else:
        bad += 1
        print("not ok %d - %s (got %r, want %r)" % (count, what, got, want), flush=True)


def role(name, *args):
    return ["python3", "/mnt/" + os.path.basename(ME), "guest", name] + [str(a) for a in args]


def with_listener(args, port, *command):
    """A machine whose guest will connect to port."""
    d = tempfile.mkdtemp()
    lis = Listener(os.path.join(d, "v"), port)
    m = Machine(args, *command, vsock=os.path.join(d, "v"))
    shutil.rmtree(m.dir)
    m.dir, m.path = d, os.path.join(d, "v")
    return m, lis


def test_names(args):
    m = Machine(args, *role("cid"))
    check(m.end(), (0, "3\n", []), "the guest's address, and PATH is removed")
    d = tempfile.mkdtemp()
    m = Machine(args, *role("cid"), vsock=d + "/w,cid=77")
    check(m.end()[:2], (0, "77\n"), "an address of our choice")
    os.mknod(d + "/w")
    m = Machine(args, "true", vsock=d + "/w", stderr=subprocess.PIPE)
    err = m.p.stderr.read()
    check((m.end()[0], "exists" in err, err.count("\n")), (125, True, 1), "PATH exists: one line")
    check(os.path.exists(d + "/w"), True, "and it stays")
    for bad_arg in ("x" * 120, d + "/x,cid=2", d + "/x,cid=4294967295", d + "/x,cid=", ",cid=3",
                    d + "/none/v"):
        m = Machine(args, "true", vsock=bad_arg, stderr=subprocess.PIPE)
        err = m.p.stderr.read()
        check((m.end()[0], err.count("\n")), (125, 1), "a bad argument: " + bad_arg[-12:])
    shutil.rmtree(d)
    m = Machine(args, *role("cid"), vsock="")
    check(m.end()[:2], (0, "1\n"), "without --vsock there is the loopback only")
    m = Machine(args, *role("refused", 5000, 77), vsock="")
    check(m.end()[:2], (0, "19\n"), "and other addresses are ENODEV")


def test_data(args):
    m, lis = with_listener(args, 5000, *role("both_ways", 5000))
    s = lis.accept()
    sent = []
    t = threading.Thread(target=lambda: sent.append(send_big(s)))
    t.start()
    got = digest_of(s)
    t.join()
    check(m.end()[:2], (0, "%d %s\n%d %s\n" % (sent[0] + got)), "much each way at a time")
    m, lis = with_listener(args, 5000, *role("end_carries_credit", 5000))
    s = lis.accept()
    send_big(s, CHUNK)
    check(m.end()[:2], (0, "%d\n" % CHUNK), "the end of one half tells the credit of the other")
    m = Machine(args, *role("serve", 8080, 1))
    m.expect_ready()
    s = m.call(8080)
    want = "%d %s" % send_big(s)
    check(s.recv(200).decode(), want, "much from a host that connects, the answer after its end")
    check(s.recv(1), b"", "and the end")
    check(m.end(), (0, "", []), "its machine ends")


def test_many(args):
    m = Machine(args, *role("serve", 8080, 40))
    m.expect_ready()
    conns = [m.call(8080) for _ in range(40)]
    want = [send_big(s, CHUNK * (i % 3 + 1)) for i, s in enumerate(conns)]
    got = [s.recv(200).decode() for s in conns]
    check(got, ["%d %s" % w for w in want], "40 connections at a time")
    check(m.end()[0], 0, "their machine ends")


def test_refusals(args):
    m = Machine(args, *role("refused", 5000, 2))
    check(m.end()[:2], (0, "104\n"), "nobody listens on the host: ECONNRESET")
    m = Machine(args, *role("read", 8080))
    m.expect_ready()
    check(m.call(8081), None, "nobody listens in the guest: closed")
    for line in (b"HELLO\n", b"CONNECT\n", b"CONNECT x\n", b"CONNECT 8080 \n", b"CONNECT -1\n",
                 b"CONNECT 4294967295\n", b"CONNECT 99999999999999999999\n", b"x" * 100, b"\n",
                 b"CONNECT 8\0\n"):
        s = socket.socket(socket.AF_UNIX)
        s.connect(m.path)
        s.sendall(line)
        try:
            got = s.recv(10)
        except ConnectionResetError:
            got = b""
        check(got, b"", "a bad line: %r" % line[:16])
    half = socket.socket(socket.AF_UNIX)
    half.connect(m.path)
    half.sendall(b"CONN")
    s = m.call(8080)
    s.sendall(b"12345")
    s.close()
    check(m.end()[:2], (0, "5\n"), "another one is still served")


def test_deaths(args):
    m, lis = with_listener(args, 5000, *role("until_broken", 5000))
    s = lis.accept()
    m.expect_ready()
    s.recv(CHUNK)
    s.close()
    check(m.end()[:2], (0, "32 0\n"), "a reader that goes: EPIPE, then the end")
    m = Machine(args, *role("read", 8080))
    m.expect_ready()
    p = subprocess.Popen(["python3", ME, "caller", m.path, "8080"], stdout=subprocess.PIPE)
    p.stdout.readline()
    p.kill()
    p.wait()
    code, out, _ = m.end()
    check((code, int(out) >= 65536), (0, True), "a killed writer: what it sent, then the end")
    m = Machine(args, *role("endless", 8080))
    m.expect_ready()
    s = m.call(8080)
    first = len(s.recv(CHUNK))
    m.p.terminate()
    check(first + digest_of(s)[0] > 0, True, "a guest that is ended: the end of the stream")
    m.end()
    m = Machine(args, *role("endless", 8080), stderr=subprocess.DEVNULL)
    m.expect_ready()
    s = m.call(8080)
    s.recv(CHUNK)
    m.p.kill()
    try:
        digest_of(s)
    except ConnectionResetError:
        pass
    check(m.end()[0], -9, "hyla killed: the same")


def test_last_words(args):
    m, lis = with_listener(args, 5000, *role("send_and_leave", 5000, 400000))
    s = lis.accept()
    assert m.p.stdout.readline() == "done\n"
    time.sleep(0.3)			# by now mostly hyla alone is left; right either way
    check(digest_of(s)[0], 400000, "what was sent before the machine's end arrives")
    check(m.end()[0], 0, "and it ends")


def test_socat(args):
    if not shutil.which("socat"):
        return
    m, lis = with_listener(args, 5000, "sh", "-c", "echo hello | socat - VSOCK-CONNECT:2:5000")
    s = lis.accept()
    check(s.recv(100), b"hello\n", "socat in the guest sends")
    s.sendall(b"good bye\n")
    s.close()
    check(m.end()[:2], (0, "good bye\n"), "and receives")
    m = Machine(args, *role("serve", 8080, 1))
    m.expect_ready()
    p = subprocess.run(["socat", "-t", "30", "-", "UNIX-CONNECT:" + m.path],
                       input=b"CONNECT 8080\nabc", stdout=subprocess.PIPE, check=False)
    want = "3 " + hashlib.sha256(b"abc").hexdigest()
    check(p.stdout.decode().split("\n")[1:], [want], "socat on the host calls")
    check(m.end()[0], 0, "its machine ends")


def main():
    if sys.argv[1] == "guest":
        globals()["guest_" + sys.argv[2]](*sys.argv[3:])
        return 0
    if sys.argv[1] == "caller":		# to be killed
        s = socket.socket(socket.AF_UNIX)
        s.connect(sys.argv[2])
        s.sendall(b"CONNECT %s\n" % sys.argv[3].encode())
        while not s.recv(1) == b"\n":
            pass
        s.sendall(b"k" * 65536)
        print("sent", flush=True)
        while True:
            s.recv(1)
    args = sys.argv[1:]
    socket.setdefaulttimeout(90)	# a test that fails must not hang
    tests = os.environ.get("HYLA_VSOCK_TESTS", "names data many refusals deaths last_words socat")
    for test in tests.split():
        globals()["test_" + test](args)
    print("1..%d" % count)
    print("%d passed, %d failed, 0 skipped" % (count - bad, bad))
    return bad != 0


sys.exit(main())
