#!/bin/bash
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2016 # the scripts in single quotes expand where they run
#
# Real programs under the default seccomp filter and nothing else:
#	bash seccomp_programs.sh --nucleus BUILD/cli/nucleus
# A program that is not installed is a failure. Ends with "N passed, N failed".
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
set -u

if [ $# != 2 ] || [ "$1" != --nucleus ]; then
	echo "usage: $0 --nucleus BUILD/cli/nucleus" >&2
	exit 2
fi
nucleus=$(realpath "$2")
filter=$(dirname "$nucleus")/../tests/live/seccomp-exec
here=$(cd "$(dirname "$0")" && pwd)
# The user of a sandbox is not root; as root tar and xz change owners, which the filter refuses.
if [ "$(id -u)" = 0 ]; then
	exec setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all \
		env PATH=/usr/local/bin:/usr/bin:/bin \
		bash "$here/$(basename "$0")" --nucleus "$nucleus"
fi
cd /
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
chmod 755 "$dir"
export HOME=$dir/home LC_ALL=C.UTF-8
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@a GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@a
export npm_config_offline=true npm_config_update_notifier=false npm_config_fund=false
mkdir "$HOME"
passed=0 failed=0

have()
{
	local program

	for program; do
		if ! command -v "$program" > /dev/null; then
			echo "FAILED: no $program on this machine" >&2
			failed=$((failed + 1))
			return 1
		fi
	done
}

# check NAME PROGRAM...: the program, under the filter, succeeds and says "finished" last.
check()
{
	local name=$1
	shift
	rm -rf "$dir/work"
	mkdir "$dir/work"
	if (cd "$dir/work" &&
	    timeout 300 "$filter" ${options:+"$options"} "$@") > "$dir/out" 2>&1 &&
	   [ "$(tail -n 1 "$dir/out")" = finished ]; then
		echo "ok: $name"
		passed=$((passed + 1))
	else
		echo "FAILED: $name" >&2
		tail -n 15 "$dir/out" >&2
		failed=$((failed + 1))
	fi
}
options=""

# Each line of the file with and without the filter: the same status and the same output.
coreutils()
{
	local line way status

	while IFS= read -r line; do
		for way in without with; do
			rm -rf "$dir/work"
			mkdir -p "$dir/work/d/sub"
			cd "$dir/work" || exit 1
			printf 'one\ntwo\n' > a
			printf 'one\nthree\n' > b
			touch -d @1000000000 a b d/sub/f
			ln -s a l
			if [ $way = with ]; then
				timeout 20 "$filter" sh -c "$line" > "$dir/$way" 2>&1
			else
				timeout 20 sh -c "$line" > "$dir/$way" 2>&1
			fi < /dev/null
			status=$?
			echo "status $status" >> "$dir/$way"
			cd /
		done
		if ! cmp -s "$dir/with" "$dir/without"; then
			echo "FAILED: coreutils: $line" >&2
			diff "$dir/without" "$dir/with" >&2
			failed=$((failed + 1))
		else
			passed=$((passed + 1))
		fi
	done < "$here/seccomp_coreutils.txt"
}

coreutils

check bash bash -c '
set -e -m
x=$(echo a | tr a b); [ "$x" = b ]
cat <(echo from) > /dev/null
coproc cat; echo hi >&"${COPROC[1]}"; read -r y <&"${COPROC[0]}"; [ "$y" = hi ]
kill "$COPROC_PID"; sleep 0.1 & wait $!; sleep 30 & kill %+; wait || true
trap "z=1" USR1; kill -USR1 $$; [ "$z" = 1 ]
(exit 3) || [ $? = 3 ]; ulimit -n 64; [ "$(ulimit -n)" = 64 ]
read -r -t 0.1 w < <(sleep 0.3) || true
time true; times > /dev/null; [[ -r /etc/passwd ]]; cd /; cat <<< finished'

have git && check git bash -ec '
git init -q r; cd r
for i in 1 2 3; do echo $i > f$i; git add .; git commit -q -m $i; done
git status -s; git diff HEAD~1 > /dev/null; git blame f1 > /dev/null
git gc -q; git repack -adq; git fsck --no-progress
git worktree add -q ../wt -b b; (cd ../wt; echo x > y; git add y; git commit -q -m y)
git merge -q b; echo z > f1; git stash -q; git stash pop -q; git checkout -q f1
git clone -q . ../c1; git clone -q --no-local . ../c2; git -C ../c2 pull -q
git push -q ../c2 HEAD:refs/heads/pushed; git rebase -q HEAD~1
git archive HEAD | tar -t > /dev/null; git tag t; git grep -q 3
git -c user.name=b commit -q --amend --no-edit
git worktree remove ../wt; git log --oneline | wc -l > /dev/null; echo finished'

have python3 && {
	options=--network check python3 python3 "$here/seccomp_python.py"
	options="" check "python3 without network" python3 "$here/seccomp_python.py"
}

have node npm && {
	options=--network check node node "$here/seccomp_node.js"
	options="" check "node without network" node "$here/seccomp_node.js"
	check npm bash -ec '
	npm --version; mkdir dep; cd dep
	npm init -y > /dev/null; npm pkg set scripts.postinstall="echo hi"
	cd ..; npm init -y > /dev/null; npm install --no-audit ./dep; npm ls; npm pack
	npm pkg set scripts.test="node -e 1"; npm test; echo finished'
}

have gcc g++ make ar && check gcc+make bash -ec '
cat > a.c <<E
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
static void *f(void *x) { return x; }
int main(void)
{
	pthread_t t[8];
	pthread_mutexattr_t a;
	pthread_mutex_t m;
	for (int i = 0; i < 8; i++)
		if (pthread_create(&t[i], NULL, f, NULL))
			return 1;
	for (int i = 0; i < 8; i++)
		pthread_join(t[i], NULL);
	/* glibc must not believe in priority inheritance, which the filter refuses */
	pthread_mutexattr_init(&a);
	pthread_mutexattr_setprotocol(&a, PTHREAD_PRIO_INHERIT);
	if (pthread_mutex_init(&m, &a) != ENOTSUP)
		return 2;
	return puts("finished") < 0;
}
E
printf "#include <iostream>\nint main() { std::cout << \"b\\\\n\"; }\n" > b.cc
printf "%s\n" "all: a b s lib.a" "a: a.c" "	gcc -O2 -g -pipe -pthread -o a a.c" "b: b.cc" \
	"	g++ -O2 -flto=2 -o b b.cc" "s: a.c" "	gcc -static -o s a.c" "lib.a: a.c" \
	"	gcc -c -o l.o a.c && ar rcs lib.a l.o" > Makefile
make -s -j4; make -q; make -L -q; ./b; ./s; strip a
# Leaks are looked for by ptrace, which no sandbox gives.
gcc -fsanitize=address,undefined -o san a.c; ASAN_OPTIONS=detect_leaks=0 ./san; ./a'

have tar gzip xz find sed awk perl diff patch && check tools bash -ec '
mkdir d; for i in 1 2 3 4; do echo "$i line" > d/$i; done; ln -s 1 d/l; ln d/1 d/h
tar -cf a.tar d; tar -czf a.tgz d; tar -cJf a.txz d
mkdir x; tar -xf a.tar -C x; tar -xzf a.tgz -C x; tar -xJpf a.txz -C x; cmp d/1 x/d/1; [ -L x/d/l ]
gzip -k d/2; gunzip -c d/2.gz | cmp - d/2; xz -T2 -k d/3
find d -type f -exec grep -l line {} + > /dev/null
find . -print0 | xargs -0 -P4 -n2 echo > /dev/null
sed -i s/line/word/ d/4; awk "{ print }" d/4 > /dev/null
perl -e "print qx(echo x); fork or exit; wait; alarm 1; alarm 0; sleep 0"
cp d/4 e; echo more >> e; diff -u d/4 e > p || true; patch -s d/4 < p; cmp d/4 e
flock e true; setsid -w true; script -qec "stty size" /dev/null > /dev/null; echo finished'

PATH=$PATH:$(echo /usr/lib/postgresql/*/bin)
if ! id -un > /dev/null 2>&1; then
	echo "not run: postgres, which refuses a user without a name; the run as root has it"
else have initdb pgbench && check postgres bash -c '
set -e
export PGHOST=$PWD PGDATA=$PWD/data PGDATABASE=postgres
initdb -A trust -U "$(id -un)" > /dev/null
printf "%s = \047%s\047\n" unix_socket_directories "$PWD" listen_addresses "" \
	>> data/postgresql.conf
trap "tail log; pg_ctl -m immediate stop" EXIT
pg_ctl -w -l log start > /dev/null
pgbench -q -i 2> /dev/null
pgbench -c 4 -j 2 -T 1 > /dev/null
psql -qtA -v ON_ERROR_STOP=1 <<- S
	set max_parallel_workers_per_gather = 4; set parallel_setup_cost = 0;
	set parallel_tuple_cost = 0; set min_parallel_table_scan_size = 0;
	select count(*) from pgbench_accounts;
	create table t as select generate_series(1, 100000) a; create index on t (a);
	drop table t; vacuum full analyze; checkpoint; select pg_sleep(0.01); create database other;
S
pg_dump > /dev/null
pg_ctl -w -m fast -l log restart > /dev/null
# A crash leaves the interlock segment behind, which the next start looks at.
pid=$(head -n 1 data/postmaster.pid)
kill -KILL "$pid"
for ((i = 0; i < 100; i++)); do kill -0 "$pid" 2> /dev/null || break; sleep 0.1; done
for ((i = 0; i < 20; i++)); do pg_ctl -w -l log start > /dev/null && break; sleep 0.5; done
psql -qtA -c "select 1"
trap - EXIT
pg_ctl -w -m fast stop > /dev/null
! grep -E "PANIC|Operation not permitted|not implemented" log
echo finished'
fi

echo "$passed passed, $failed failed"
[ $failed = 0 ]
