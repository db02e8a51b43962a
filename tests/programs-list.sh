# SPDX-License-Identifier: MIT
# The cases of programs.sh. shellcheck shell=bash

# ---- shells ----
t 'echo hello; exit 3'
t 'for i in 1 2 3; do echo $((i * i)); done | tac'
t 'f() { local x=$1; echo "f $x"; return 4; }; f 7; echo $?'
t 'cat <<EOF | tr a-z A-Z
here document
EOF'
t 'trap "echo trapped" USR1; kill -USR1 $$; echo after'
t 'trap "echo bye" EXIT; (exit 5); echo $?'
t 'sleep 0.05 & wait $!; echo $?'
t 'sleep 5 & kill $!; wait $! 2>/dev/null; echo $?'
t 'set -o pipefail; false | true; echo $?; true | false | true; echo "${PIPESTATUS[@]}"'
t 'exec 3<words; read -u 3 a; read -u 3 b; echo "$b $a"'
t 'diff <(sort words) <(sort -r words) | head -n 3'
t 'a=(x y z); echo "${#a[@]} ${a[1]}"; declare -A m=([k]=v); echo "${m[k]}"'
t 'printf "%5.2f|%-6s|%x\n" 3.14159 ab 255; echo {a..e}{1,2}'
t '{ bash -c "kill -SEGV \$\$"; } 2>/dev/null; echo $?'
t 'ulimit -n 50; ulimit -n; cd dir && pwd'
t 'dash -c "x=5; while [ \$x -gt 0 ]; do x=\$((x-1)); done; echo \$x"' dash
t 'zsh -fc "a=(3 1 2); print -l \${(o)a}; print \$((2 ** 10))"' zsh
t 'sh -c "echo \$0 \$1" name arg; echo $BASH_VERSION >/dev/null; [[ abc =~ b. ]] && echo "${BASH_REMATCH[0]}"'
t 'coproc cat; echo through >&"${COPROC[1]}"; read -r l <&"${COPROC[0]}"; echo "$l"'
t 'timeout 0.1 sleep 10; echo $?'
t './nothing; echo $?; ./words; echo $?'
t 'printf "#!/bin/sh\necho script \$1\n" >s; chmod +x s; ./s x; env -i ./s y'

# ---- coreutils, one by one ----
t 'basename /a/b/c.txt .txt; dirname /a/b/c'
t 'cat -n words; tac words; rev words'
t 'chmod 640 words; stat -c "%a %s %F" words; chmod u+x,g-r words; stat -c %A words'
t 'cksum words; sum words; md5sum words; sha1sum words; sha256sum words; b2sum words'
t 'comm <(sort words) <(printf "one\ntwo\n"); join <(sort pairs) <(printf "a z\nb y\n")'
t 'cp -a dir copy; diff -r dir copy && echo same; cp words words2 && cmp words words2'
t 'csplit -s numbers 50 100; wc -l xx*; split -l 60 numbers p; ls p*'
t 'cut -d" " -f2 pairs; paste pairs words; expand -t4 pairs; fold -w3 words'
t 'date -u -d @86400 +%F; date -u -d "2020-02-29 +1 year" +%F'
t 'dd if=/dev/zero of=z bs=1k count=5 2>/dev/null; stat -c %s z; dd if=numbers bs=1 skip=5 count=10 2>/dev/null'
t 'df . >/dev/null; echo $?; du -a --apparent-size dir | sort'
t 'echo -e "a\tb"; printf "%s\n" x y; yes | head -n 3; seq -s, 5; factor 360'
t 'env -i A=1 B=2 env; printenv NOTHING; echo $?; expr 3 \* 4; test -d dir && echo dir'
t 'head -c 10 numbers; tail -n 2 numbers; tail -c +690 numbers; nl words | head -n 2'
t 'id -u >/dev/null && echo id; ln words hard; ln -s words soft; readlink soft; stat -c %h words'
t 'ls -1 dir; ls -lnR --time-style=+ dir | sed "s/^total .*//; s/  */ /g" | cut -d" " -f1,3-'
t 'mkdir -p p/q/r; rmdir p/q/r; ls p/q; mktemp -u XXXX | wc -c'
# Debian's QEMU makes no fifos on shared directories.
[ "${HYLA_WORLD:-run}" = boot ] || t 'mkfifo ff; stat -c %F ff'
t 'mv words moved; ls; mv -n moved dir/a; ls dir; mv -T dir d2; ls d2'
t 'nice -n 5 nice; nohup true; nproc >/dev/null && echo nproc; numfmt --to=iec 123456'
t 'od -c words | head -n 3; od -An -tx1 pairs; tsort <<<"a b b c"; ptx words | head -n 3'
t 'pathchk /a/b; pr -l 20 -h head words | grep one; printf "3\n1\n2\n" | sort; sort -k2nr pairs; sort -u pairs'
t 'realpath dir/sub/link | sed "s,.*/,,"; rm -r dir; ls dir; echo $?; rm -f nothing; echo $?'
t 'shuf -i 1-20 | sort -n | tail -n 1; shred -u words; ls words; echo $?'
t 'stat -c "%F %N" dir/sub/link; sync; truncate -s 100 words; wc -c words; truncate -s 3 words; cat words'
t 'tee a b <words >/dev/null; cmp a b; touch -d @1000000000 t; stat -c %Y t; tr -d aeiou <words; tr -s a-z <pairs'
t 'uname -s; uname -m; uniq -c <(printf "a\na\nb\n"); unexpand -a <(printf "        x\n"); unlink words; ls words'
t 'wc words numbers; whoami; base64 words; base32 pairs; basenc --base16 pairs; arch'
t 'install -m 600 words w2; stat -c %a w2; chgrp 0 w2 2>/dev/null; hostid | wc -c; logname 2>/dev/null; dircolors | wc -l'
t 'stty 2>&1; tty; sleep 0.01; true; false; echo $?; who | wc -l; users; pinky -l root | head -n 1'
t 'cp --sparse=always /dev/null e; vdir -n /dev/null | cut -c1; dir dir; link words w3; stat -c %h w3; chroot / /bin/echo in 2>&1 | tail -n 1'

# ---- text and archives ----
t 'grep -n o words; grep -c . numbers; grep -rl beta dir; grep -v one words | grep -E "^t|e$"; grep -q zzz words; echo $?'
t 'sed -n 2p words; sed "s/o/0/g; 3d" words; sed -i s/one/ONE/ words; head -n 1 words'
t 'awk "{s += \$1} END {print s}" numbers; awk "{print NR, \$1}" words | tail -n 1; awk "BEGIN { while ((\"echo x; echo y\" | getline l) > 0) print l }"'
t 'find . -type f | sort; find dir -name "*b*" -printf "%f %y\n" | sort; find . -size +0 -newer nothing 2>&1 | head -n 1; find dir -type l -exec readlink {} \;'
t 'find . -print0 | xargs -0 -n 1 basename | sort; seq 5 | xargs -P 2 -I{} echo {} | sort'
t 'tar cf a.tar dir words; tar tf a.tar; mkdir x; tar xf a.tar -C x; diff -r dir x/dir && echo same'
t 'tar czf a.tgz dir && tar tzf a.tgz | wc -l; gzip -k words; zcat words.gz | cmp - words; gzip -l words.gz | wc -l' gzip
t 'xz -k words; xzcat words.xz | cmp - words; xz -t words.xz && echo fine' xz
t 'bzip2 -k words; bzcat words.bz2 | cmp - words' bzip2
t 'find dir | cpio -o 2>/dev/null | cpio -t 2>/dev/null | sort' cpio
t 'diff -u --label a --label b words numbers | head -n 4; cmp words numbers; patch --version | head -n 1; printf "a\nb\n" >f; diff f words >d; patch -s f d; cmp f words && echo patched' patch
t 'bc <<<"2^100; scale=5; 1/3"' bc
t 'perl -e "print join(q(,), map { \$_ * 2 } 1..5), qq(\n); open F, q(<words); print scalar(my @l = <F>), qq(\n)"' perl
t 'perl -e "my \$p = fork; if (!\$p) { exit 7 } waitpid \$p, 0; print \$? >> 8, qq(\n)"' perl
t 'less words; more words | cat; file words' less
t 'vim -es -u NONE -c "%s/o/0/g" -c "wq! out" words </dev/null; cat out' vim
t 'python3 -c "import os, sys; print(sum(range(100)), len(os.listdir(\".\")), sys.byteorder)"' python3
t 'python3 -c "
import subprocess, threading
print(subprocess.run([\"wc\", \"-l\", \"words\"], capture_output=True, text=True).stdout.strip())
r = []
ts = [threading.Thread(target=lambda i=i: r.append(i)) for i in range(8)]
[t.start() for t in ts]; [t.join() for t in ts]; print(sorted(r))"' python3

# ---- procps and util-linux ----
t 'ps -o pid= -p $$ | wc -l; ps -e | wc -l | grep -q . && echo ps; pgrep -x nothing; echo $?'
t 'free | wc -l; uptime | grep -c load; vmstat | wc -l; top -bn1 | grep -c "^top"; w -h | wc -l | grep -c .' free
t 'pmap $$ | tail -n 1 | grep -c total; kill -l 9; kill -0 $$; echo $?' pmap
t 'getopt -o ab: -- -a -b x y; flock lock echo locked; rev <<<abc; column -t pairs; hexdump -C pairs | head -n 2' column
t 'setsid sh -c "echo session" | cat; renice -n 1 $$ >/dev/null; nice; taskset -p $$ | wc -l; prlimit --nofile --noheadings -o RESOURCE' prlimit

# ---- busybox ----
for applet in ash awk base64 basename cat cksum cmp comm cp cut date dd dirname du echo env \
	expand expr false find fold grep gzip head id ln ls md5sum mkdir mktemp mv nl od paste printf \
	pwd readlink rev rm rmdir sed seq sha256sum sleep sort stat sum tac tail tar tee test touch \
	tr true uname uniq unxz usleep vi wc which xargs yes; do
	case $applet in
	ash) c='ash -c "for i in a b; do echo \$i; done; exit 6"' ;;
	awk) c='awk "{ n++ } END { print n }" words' ;;
	basename | dirname) c="$applet /x/y/z" ;;
	cat | cksum | fold | head | md5sum | nl | od | rev | sha256sum | sort | sum | tac | tail | \
	uniq | wc | base64 | expand) c="$applet words" ;;
	cmp) c='cmp words numbers' ;;
	comm | paste) c="$applet words words" ;;
	cp | ln) c="$applet words w2; ls" ;;
	cut) c='cut -c2 words' ;;
	date) c='date -u -d @0 +%Y' ;;
	dd) c='dd if=words bs=3 count=2 2>/dev/null' ;;
	du) c='du dir >/dev/null' ;;
	env) c='env -i A=b env' ;;
	expr) c='expr 6 + 7' ;;
	find) c='find dir | sort' ;;
	grep) c='grep t words' ;;
	gzip) c='gzip -c words | '"$bb"' gunzip -c' ;;
	id) c='id -u' ;;
	ls) c='ls -1 dir' ;;
	mkdir | touch) c="$applet new; ls" ;;
	mktemp) c='mktemp -p . | wc -c' ;;
	mv) c='mv words w2; ls' ;;
	printf) c='printf "%d %s\n" 5 x' ;;
	pwd) c='pwd | wc -l' ;;
	readlink) c='readlink dir/sub/link' ;;
	rm) c='rm -r dir; ls' ;;
	rmdir) c='rmdir dir' ;;
	sed) c='sed s/o/0/ words' ;;
	seq) c='seq 3 5' ;;
	sleep | usleep) c="$applet 0" ;;
	stat) c='stat -c %s words' ;;
	tar) c='tar cf - dir | '"$bb"' tar tf -' ;;
	tee) c='tee x <words; cat x' ;;
	test) c='test -f words' ;;
	tr) c='tr a-m A-M <words' ;;
	uname) c='uname -s' ;;
	unxz) c='unxz words' ;;
	vi) c='vi -c ":q" words >/dev/null 2>&1 </dev/null; true' ;;
	which) c='which sh' ;;
	xargs) c='xargs echo <words' ;;
	yes) c='yes | '"$bb"' head -n 2' ;;
	*) c="$applet a b" ;;
	esac
	t "$bb $c" busybox
done
