# SPDX-License-Identifier: MIT
"""Real programs doing real work."""

import glob
import json
import os
import subprocess

from sandbox import Case, patience

GIT = """
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example.org GIT_COMMITTER_NAME=a
export GIT_COMMITTER_EMAIL=a@example.org
git init -q -b main repo && cd repo
for i in 1 2 3; do echo "$i" >"file$i"; git add "file$i"; git commit -q -m "commit $i"; done
git branch topic && git checkout -q topic
echo topic >topic && git add topic && git commit -q -m topic
git checkout -q main
echo main >>file1 && git commit -q -a -m main
git merge -q -m merged topic
git worktree add -q ../tree topic
(cd ../tree && echo more >more && git add more && git commit -q -m 'in a worktree')
git worktree remove ../tree
git merge -q topic
git tag -a -m tag v1
git stash list && git grep -q topic
git rebase -q --onto main~1 main~1 topic
git checkout -q main
git gc -q --prune=now
git fsck --strict --no-dangling
git clone -q . ../clone
git clone -q --bare --no-hardlinks . ../bare.git
(cd ../clone && git pull -q && git log --oneline | wc -l)
git status --porcelain
"""

PYTHON = '''
import asyncio, concurrent.futures, multiprocessing, os, sqlite3, subprocess, sys, tempfile
import threading, unittest

def square(n):
    return n * n

class Work(unittest.TestCase):
    def test_subprocess(self):
        r = subprocess.run(["sort", "-r"], input="a\\nb\\n", text=True, capture_output=True)
        self.assertEqual(r.stdout, "b\\na\\n")
        # Sleeps, whatever the next one has come to when it is ended: what a trace shows of it is no chance.
        subprocess.run(["sleep", "0.01"], check=True)
        with subprocess.Popen(["sleep", "60"], start_new_session=True) as p:
            p.terminate()
        self.assertEqual(p.returncode, -15)

    def test_subprocess_limits(self):
        with self.assertRaises(FileNotFoundError):
            subprocess.run(["no-such-program"])

    def test_threads(self):
        seen, lock = [], threading.Lock()
        def add(n):
            with lock:
                seen.append(n)
        threads = [threading.Thread(target=add, args=(n,)) for n in range(32)]
        for t in threads: t.start()
        for t in threads: t.join()
        self.assertEqual(sorted(seen), list(range(32)))

    def test_thread_pool(self):
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            self.assertEqual(sum(pool.map(square, range(100))), 328350)

    def test_multiprocessing(self):
        for how in ("fork", "spawn", "forkserver"):
            with multiprocessing.get_context(how).Pool(3) as pool:
                self.assertEqual(pool.map(square, range(10)), [n * n for n in range(10)])

    def test_shared_memory(self):
        from multiprocessing import shared_memory
        m = shared_memory.SharedMemory(create=True, size=100)
        m.buf[:3] = b"abc"
        other = shared_memory.SharedMemory(m.name)
        self.assertEqual(bytes(other.buf[:3]), b"abc")
        other.close(); m.close(); m.unlink()

    def test_asyncio(self):
        async def talk():
            async def answer(reader, writer):
                writer.write((await reader.readline()).upper())
                writer.close()
            server = await asyncio.start_server(answer, "127.0.0.1", 0)
            port = server.sockets[0].getsockname()[1]
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"hello\\n")
            heard = await reader.readline()
            writer.close(); server.close()
            p = await asyncio.create_subprocess_exec("echo", "hi", stdout=subprocess.PIPE)
            out, _ = await p.communicate()
            return heard, out
        self.assertEqual(asyncio.run(talk()), (b"HELLO\\n", b"hi\\n"))

    def test_unix_socket(self):
        async def talk():
            async def answer(reader, writer):
                writer.write(b"ok"); writer.close()
            server = await asyncio.start_unix_server(answer, "/tmp/socket")
            reader, writer = await asyncio.open_unix_connection("/tmp/socket")
            heard = await reader.read()
            writer.close(); server.close()
            return heard
        self.assertEqual(asyncio.run(talk()), b"ok")

    def test_sqlite(self):
        for path in (":memory:", "/workspace/test.db", "/tmp/test.db"):
            db = sqlite3.connect(path)
            db.execute("pragma journal_mode=wal")
            with db:
                db.execute("create table t (n integer primary key, s text)")
                db.executemany("insert into t (s) values (?)", [(str(i),) for i in range(1000)])
            self.assertEqual(db.execute("select sum(n) from t").fetchone(), (500500,))
            db.close()

    def test_tempfile(self):
        with tempfile.TemporaryDirectory() as d, tempfile.NamedTemporaryFile(dir=d) as f:
            f.write(b"x" * 1000000); f.flush()
            self.assertEqual(os.path.getsize(f.name), 1000000)
        with tempfile.TemporaryFile() as f:
            f.write(b"x")

    def test_expanduser_and_locale(self):
        self.assertEqual(os.path.expanduser("~"), "/home/agent")
        self.assertEqual(sys.getfilesystemencoding(), "utf-8")

if __name__ == "__main__":
    unittest.main()
'''

NODE = """
const fs = require('fs'), os = require('os'), http = require('http'), net = require('net');
const assert = require('assert'), cp = require('child_process');
const { Worker } = require('worker_threads');

async function main() {
  fs.writeFileSync('made', 'x'.repeat(100000));
  assert.equal((await fs.promises.readFile('made')).length, 100000);
  fs.mkdirSync('a/b/c', { recursive: true });
  fs.rmSync('a', { recursive: true });
  fs.copyFileSync('made', 'copied');
  assert.equal(cp.execFileSync('sort', ['-r'], { input: 'a\\nb\\n' }).toString(), 'b\\na\\n');
  assert.equal(cp.execSync('echo $((6*7))').toString(), '42\\n');
  await new Promise((done) => {
    const child = cp.fork('./child.js');
    child.on('message', (m) => { assert.equal(m, 'hello'); child.kill(); });
    child.on('exit', done);
  });
  const sums = await Promise.all([1, 2, 3, 4].map((n) => new Promise((done, fail) => {
    const w = new Worker(`const {parentPort, workerData} = require('worker_threads');
      let s = 0; for (let i = 0; i < 1e6; i++) s += i % workerData; parentPort.postMessage(s);`,
      { eval: true, workerData: n });
    w.on('message', done); w.on('error', fail);
  })));
  assert.deepEqual(sums, [0, 500000, 999999, 1500000]);
  const server = http.createServer((q, r) => r.end('answer')).listen(0, '127.0.0.1');
  await new Promise((done) => server.on('listening', done));
  const answer = await fetch(`http://127.0.0.1:${server.address().port}/`);
  assert.equal(await answer.text(), 'answer');
  server.close(); server.closeAllConnections();
  assert.equal(os.userInfo().username, 'agent');
  assert.ok(os.cpus().length >= 1);
  console.log('node works');
}
main().catch((e) => { console.error(e); process.exit(1); });
"""

C_MAIN = """
#include <pthread.h>
#include <stdio.h>
#include "sum.h"

static void *run(void *arg)
{
	*(long *)arg = sum(1000);
	return NULL;
}

int main(void)
{
	pthread_t t;
	long result = 0;

	pthread_create(&t, NULL, run, &result);
	pthread_join(t, NULL);
	printf("%ld\\n", result);
	return 0;
}
"""

MAKEFILE = """
CFLAGS = -O2 -Wall -pthread
prog: main.o sum.o
\t$(CC) $(CFLAGS) -o $@ $^
%.o: %.c sum.h
\t$(CC) $(CFLAGS) -c -o $@ $<
check: prog
\ttest "$$(./prog)" = 500500
clean:
\trm -f prog *.o
.PHONY: check clean
"""

SHELL = """
test "$(seq 1 1000 | sort -rn | head -n 3 | paste -sd, )" = 1000,999,998
test "$(printf 'b\\na\\nb\\n' | sort | uniq -c | awk '{print $1 $2}' | tr -d '\\n')" = 1a2b
mkdir -p tree/a tree/b && echo one >tree/a/x && ln -s ../a/x tree/b/y && cp -a tree copy
diff -r tree copy && test -L copy/b/y
tar czf tree.tar.gz tree && mkdir out && tar xzf tree.tar.gz -C out && diff -r tree out/tree
find . -type f -name x | xargs -n1 sha256sum | cut -d' ' -f1 | sort -u | wc -l | grep -qx 1
sed -i s/one/two/ copy/a/x && grep -rn two copy | grep -q a/x
diff <(seq 3) <(printf '1\\n2\\n3\\n')
(sleep 0.1; echo later) & wait $!
trap 'echo trapped' USR1; kill -USR1 $$
dd if=/dev/zero of=zeros bs=64k count=16 status=none && test "$(stat -c %s zeros)" = 1048576
split -b 256k zeros part. && cat part.* | cmp - zeros
touch -d 2020-01-01 old && test old -ot zeros && mv old older && rm older
install -m 755 /dev/null installed && test -x installed || test "$(stat -c %a installed)" = 755
timeout 60 true && ! timeout 0.2 sleep 60
mktemp && mktemp -d && df -h . && nproc && date +%Y && env | sort | head -n 1
head -c 100 /dev/urandom | base64 | gzip | gunzip | wc -l
exec 3<>/tmp/fd && echo hi >&3 && exec 3>&-
read -r first </etc/os-release && echo "$first"
echo done-with-all
"""


class Programs(Case):
    def setUp(self):
        super().setUp()
        self.workspace = self.make_dir("workspace")

    def in_workspace(self, text, *flags):
        return self.script(text, "--workspace", self.workspace, *flags)

    def test_git(self):
        self.require("/usr/bin/git")
        out = self.in_workspace(GIT)
        self.assertEqual(out.split(), ["8"])
        self.assert_owner(self.workspace, os.geteuid())
        # And the host's git goes on where the sandbox's stopped.
        repo = str(self.workspace / "repo")
        log = subprocess.run(["git", "-C", repo, "log", "--oneline", "--all"], check=True,
                             capture_output=True, text=True).stdout
        self.assertEqual(len(log.splitlines()), 9)

    def test_git_history_of_the_host(self):
        repo = self.workspace / "repo"
        for words in (["init", "-q", str(repo)],
                      ["-C", str(repo), "-c", "user.name=h", "-c", "user.email=h@example.org",
                       "commit", "-q", "--allow-empty", "-m", "made on the host"]):
            subprocess.run(["git", *words], check=True, capture_output=True)
        self.assertIn("made on the host", self.in_workspace("cd repo && git log"))
        # Read-only, as a reviewer gets it.
        self.assertIn("made on the host", self.script(
            "cd repo && git log && git status --porcelain", "--workspace", self.workspace,
            "--workspace-mode", "bind-ro"))

    def test_git_in_another_users_workspace(self):
        if os.geteuid() != 0:
            self.skipTest("only root can give a directory to another user")
        os.chown(self.workspace, 12345, 12345)
        self.in_workspace(GIT)
        self.assert_owner(self.workspace, 12345)

    def test_python(self):
        self.require("/usr/bin/python3")
        self.make("workspace/test_work.py", PYTHON)
        r = self.nucleus("--workspace", self.workspace, "--", "/usr/bin/python3", "-W", "ignore",
                         "-m", "unittest", "-v")
        self.assertEqual(r.returncode, 0, r.stderr)
        self.assertIn("Ran 11 tests", r.stderr)
        self.assertNotIn("skipped", r.stderr)
        self.assert_owner(self.workspace)

    def test_python_venv(self):
        out = self.in_workspace("""
            python3 -m venv --without-pip --copies venv 2>&1 || true
            python3 -m compileall -q . && python3 -c 'import ssl, ctypes, zlib; print("ok")'""")
        self.assertEqual(out.splitlines()[-1], "ok")

    def test_node(self):
        self.require("/usr/bin/node")
        self.make("workspace/main.js", NODE)
        self.make("workspace/child.js", "process.send('hello'); setInterval(() => {}, 1000);")
        self.assertIn("node works", self.in_workspace("node main.js"))
        self.assert_owner(self.workspace)

    def test_npm(self):
        self.require("/usr/bin/npm")
        self.make("workspace/package.json", json.dumps({
            "name": "local", "version": "1.0.0", "scripts": {
                "pretest": "node -e 'console.log(\"before\")'",
                "test": "node --test test.js", "build": "mkdir -p out && cp test.js out/"}}))
        self.make("workspace/test.js", "require('node:test')('adds', () => "
                  "require('assert').equal(1 + 1, 2));")
        out = self.in_workspace("npm run build && npm test")
        self.assertIn("before", out)
        self.assertTrue((self.workspace / "out" / "test.js").exists())

    def test_gcc_and_make(self):
        self.require("/usr/bin/gcc", "/usr/bin/make")
        self.make("workspace/main.c", C_MAIN)
        self.make("workspace/sum.h", "long sum(long n);\n")
        self.make("workspace/sum.c", '#include "sum.h"\n'
                  "long sum(long n)\n{\n\treturn n * (n + 1) / 2;\n}\n")
        self.make("workspace/Makefile", MAKEFILE)
        out = self.in_workspace("make -j2 check && ./prog && make -q prog", "--workspace-exec")
        self.assertIn("500500", out)
        self.assert_owner(self.workspace)
        # Without --workspace-exec it can be built, and not be run.
        r = self.nucleus("--workspace", self.workspace, "--", "/workspace/prog")
        self.assertEqual(r.returncode, 126)
        self.assertIn("--workspace-exec", r.stderr)
        self.in_workspace("make clean && make prog && ! ./prog")

    def test_shell_and_coreutils(self):
        out = self.in_workspace(SHELL)
        self.assertTrue(out.endswith("done-with-all\n"), out)
        self.assertIn("trapped", out)
        self.assert_owner(self.workspace)

    def test_perl_and_awk(self):
        self.require("/usr/bin/perl")
        self.assertEqual(self.script("""
            perl -MPOSIX -e 'print floor(4.5), "\\n"; fork or exit; wait'
            awk 'BEGIN { while (("echo a b" | getline l) > 0) { split(l, w); print w[2] } }'
            """), "4\nb\n")


POSTGRES = """
PATH=$1:$PATH
data=$2
export PGCTLTIMEOUT=$3
initdb -D "$data" -A trust -U agent --locale=C.UTF-8 --no-instructions >/tmp/initdb.log
pg_ctl -D "$data" -w -l /tmp/server.log \
	-o "-k /tmp -c listen_addresses=127.0.0.1 -c shared_buffers=32MB" start >/dev/null
trap 'pg_ctl -D "$data" -w -m fast stop >/dev/null' EXIT
createdb -h /tmp work
psql -h /tmp -d work -qAtX -v ON_ERROR_STOP=1 <<'SQL'
create table t (id serial primary key, v text);
insert into t (v) select md5(i::text) from generate_series(1, 20000) i;
create index on t (v);
set max_parallel_workers_per_gather = 2;
set min_parallel_table_scan_size = 0;
set parallel_setup_cost = 0;
select count(distinct v) from t;
vacuum analyze t;
begin; delete from t where id > 10000; commit;
truncate t;
SQL
pgbench -q -i -s 2 -h /tmp work 2>/dev/null
pgbench -n -c 2 -j 2 -t 200 -h 127.0.0.1 work | grep -E 'transactions actually processed'
pg_dump -h /tmp work | grep -c 'PostgreSQL database dump'
pg_ctl -D "$data" -w -m immediate stop >/dev/null
pg_ctl -D "$data" -w -l /tmp/server.log -o "-k /tmp -c listen_addresses=" start >/dev/null
psql -h /tmp -d work -qAtX -c 'select count(*) from pgbench_accounts'
"""


class Postgres(Case):
    def serve(self, data, *flags):
        found = sorted(glob.glob("/usr/lib/postgresql/*/bin/postgres"))
        self.assertTrue(found, "/usr/lib/postgresql/*/bin is missing: install postgresql")
        programs = os.path.dirname(found[-1])
        out = self.work("--shm-size", "128M", "--timeout", f"{patience(150)}s", *flags, "--", "/bin/bash",
                        "-euo", "pipefail", "-c", POSTGRES, "bash", programs, data, patience(60))
        lines = out.split()
        self.assertEqual(lines[0], "20000")
        self.assertIn("400/400", lines)
        self.assertEqual(lines[-1], "200000", "a crash and a recovery lost rows")

    def test_in_the_home_directory(self):
        self.serve("/home/agent/data", "--home-size", "512M")

    def test_in_a_tmpfs(self):
        self.serve("/data/db", "--tmpfs", "/data:512M")

    def test_in_the_workspace(self):
        workspace = self.make_dir("workspace")
        self.serve("/workspace/data", "--workspace", workspace)
        self.assert_owner(workspace)


CASES = (Programs, Postgres)
