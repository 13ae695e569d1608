# SPDX-License-Identifier: MIT
"""Sandboxes that are made ahead of their programs: they are as all others, and only for one program each."""

import concurrent.futures
import errno
import os
import threading

import pytest

import nucleus
from nucleus import DEVNULL, PIPE, STDOUT, NucleusError, Policy, Popen
from run_case import nothing_left  # noqa: F401
from support import children, fds, leftovers, run_python, until

MODES = ({"mode": "strict-agent"}, {"mode": "agent", "seccomp": "off"},
         {"mode": "agent", "seccomp": "off", "landlock": "off"}, {"mode": "agent", "network": "host",
                                                                "allow_host_network": True})

# What a program can see of its sandbox; of what is counted or numbered, that which does not change.
SEEN = {
    "arguments": "tr '\\0' ' ' </proc/1/cmdline 2>&1",
    "cgroup": "cat /proc/self/cgroup /proc/1/cgroup 2>&1",
    "descriptors": "cd /proc/self/fd && echo * && readlink 0; ls -l /proc/1/fd 2>&1",
    "directory": "pwd; readlink /proc/self/cwd /proc/self/root /proc/1/cwd /proc/1/root /proc/1/exe",
    "environment": "env | sort; tr '\\0' '\\n' </proc/1/environ 2>&1",
    "files": "find / /dev/* /tmp /home/* -xdev ! -path /proc -printf '%M %n %U %G %s %p %l\\n' 2>&1 | sort",
    "hostname": "hostname; cat /etc/hostname",
    "ids": "id; cat /proc/self/uid_map /proc/self/gid_map /proc/self/setgroups",
    "ipc": "cat /proc/sysvipc/*",
    "keys": "cat /proc/keys; cat /proc/self/loginuid /proc/self/sessionid",
    "limits": "cat /proc/self/limits; ulimit -a",
    "memory": "cat /proc/self/oom_score_adj /proc/1/oom_score_adj /proc/self/coredump_filter 2>&1",
    "network": "cut -d: -f1 /proc/net/dev",
    "personality": "cat /proc/self/personality 2>&1; cat /proc/self/attr/current 2>&1",
    "priority": "nice; grep -E '^(policy|prio)' /proc/self/sched; cat /proc/self/timerslack_ns",
    "processes": "echo /proc/[0-9]*; cut -d' ' -f 2-8 /proc/self/stat",
    "status": "grep -vE 'ctxt|^Vm|^Rss|^Ngid' /proc/self/status",
    "status of init": "grep -vE 'ctxt|^Vm|^Rss|^Ngid' /proc/1/status 2>&1",
    "time": "cat /proc/self/timens_offsets",
    "umask": "umask; touch /tmp/file; mkdir /tmp/directory; ls -ldn --time-style=+ /tmp/*",
    "writable": "for d in / /etc /dev /var /run /home /usr /proc /tmp; do touch $d/x 2>&1; done",
}
MOUNTS = "cut -d' ' -f4- /proc/self/mountinfo"
NAMESPACES = ("cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts")

# In a user namespace of its own a program has all capabilities, over what it makes there.
UNCOVER = r"""
import ctypes, errno, os
libc = ctypes.CDLL(None, use_errno=True)
def call(name, *args):
    result = getattr(libc, name)(*args)
    print(name, args, "done" if result >= 0 else errno.errorcode[ctypes.get_errno()], flush=True)
    return result
def seen(where):
    print(where, sum(name.isdigit() for name in os.listdir(where)), flush=True)
MS_BIND, MS_MOVE, MS_REC, MNT_DETACH = 4096, 8192, 16384, 2
OPEN_TREE, CLONE, RECURSIVE, PIVOT = 428, 1, 0x8000, 155
call("unshare", 0x10000000 | 0x20000 | 0x20000000)  # of users, mounts and processes
if os.fork() == 0:
    os.mkdir("/tmp/x")
    call("mount", b"proc", b"/tmp/x", b"proc", 0, None)
    for flags in (0, MNT_DETACH):
        call("umount2", b"/proc", flags)
    call("mount", b"/proc", b"/tmp/x", None, MS_MOVE, None)
    for flags in (0, MS_REC):
        if call("mount", b"/proc", b"/tmp/x", None, MS_BIND | flags, None) == 0:
            seen("/tmp/x")
            call("umount2", b"/tmp/x", MNT_DETACH)
        call("syscall", OPEN_TREE, -100, b"/", CLONE | (RECURSIVE if flags else 0))
        call("syscall", OPEN_TREE, -100, b"/proc", CLONE | (RECURSIVE if flags else 0))
        if call("mount", b"/", b"/tmp/x", None, MS_BIND | flags, None) == 0:
            call("umount2", b"/tmp/x/proc", MNT_DETACH)
            seen("/tmp/x/proc")
            os.chdir("/tmp/x")
            call("syscall", PIVOT, b".", b".")
            call("umount2", b".", MNT_DETACH)
            seen("/proc")
    call("mount", b"none", b"/", None, 32 | MS_BIND, None)
    os._exit(0)
os.wait()
"""


@pytest.fixture(autouse=True)
def no_warnings(recwarn):
    """Of mode agent, on what this host does not have."""
    yield
    assert {w.category for w in recwarn} <= {nucleus.NucleusWarning}


def ahead(running=0):
    """The processes that are there before a start: a maker and what it has made, of which some run programs."""
    return until(lambda: len(children()) > 1 + running and children(), "a sandbox that was made ahead")


def start(policy, *args, running=0, **how):
    """A program in a sandbox of a policy that this process has prepared, in one that was made ahead."""
    before = ahead(running)
    process = Popen(args, policy=policy, **how)
    assert process.pid in before
    return process


def prepared(policy, *args):
    with start(policy, *args, stdout=PIPE, stderr=STDOUT, text=True) as process:
        return process.communicate()[0]


def direct(policy, *args):
    with Popen(args, policy=policy, stdout=PIPE, stderr=STDOUT, text=True) as process:
        return process.communicate()[0]


def prepares(policy, count):
    """Whether it can be; if not, it is said."""
    try:
        policy.prepare(count)
    except NucleusError as e:
        assert e.errno == errno.EOPNOTSUPP
        return False
    return True


def both(options, *args):
    """What a program says that is started as ever, and in two that were made ahead, one after the other."""
    policy = Policy(**options)
    said = [direct(policy, *args)]
    policy.prepare(2)
    return said + [prepared(policy, *args) for _ in range(2)]


# ---- as any other --------------------------------------------------------------------------------

@pytest.mark.parametrize("options", MODES, ids=lambda options: " ".join(map(str, options.values())))
def test_a_program_sees_no_difference(options):
    one, other = Policy(**options), Policy(**options)
    other.prepare(1)
    seen = {what: (direct(one, "sh", "-c", script), prepared(other, "sh", "-c", script))
            for what, script in SEEN.items()}
    assert all(said for said, _ in seen.values())
    assert {what: pair for what, pair in seen.items() if pair[0] != pair[1]} == {}


@pytest.mark.parametrize("options", MODES, ids=lambda options: " ".join(map(str, options.values())))
def test_mounts(options):
    said, *others = (sorted(out.splitlines()) for out in both(options, "sh", "-c", MOUNTS))
    assert said
    for lines in others:
        more = list(lines)
        for line in said:
            more.remove(line)
        # A user namespace may mount a procfs only where it sees one, which is below that of the sandbox.
        assert all(line.split()[1] == "/proc" or line.split()[1].startswith("/proc/") for line in more)
        assert bool(more) == (os.geteuid() != 0)
        for line in more:
            assert {"nosuid", "nodev", "noexec"} <= set(line.split()[2].split(","))


def test_what_is_below_its_proc_is_not_reached():
    said, first, second = both(MODES[2], "python3", "-c", UNCOVER)
    assert said.count("done") > 3 and "Error" not in said
    assert first == said and second == said


def test_namespaces_are_its_own():
    script = f"for n in {' '.join(NAMESPACES)}; do readlink /proc/self/ns/$n; done"
    # What it starts has the same, and is to get no others.
    twice = f"({script}); {script}; readlink /proc/self/ns/pid_for_children /proc/self/ns/time_for_children"
    policy = Policy(mode="strict-agent")
    runs = [direct(policy, "sh", "-c", twice).split()]
    policy.prepare(2)
    processes = [start(policy, "sh", "-c", f"{twice}; read line", stdin=PIPE, stdout=PIPE, text=True, running=i)
                 for i in range(3)]
    for process in processes:  # that are there at once
        runs.append([process.stdout.readline().strip() for _ in range(2 * len(NAMESPACES) + 2)])
    maker, = (pid for pid in ahead() if pid not in [p.pid for p in processes]
              and os.stat(f"/proc/{pid}/ns/pid").st_ino == os.stat("/proc/self/ns/pid").st_ino)
    outside = [[os.readlink(f"/proc/{pid}/ns/{n}") for n in NAMESPACES] for pid in ("self", maker)]
    for process in processes:
        process.communicate("")
    for run in runs:
        own, again, for_children = run[:8], run[8:16], run[16:]
        assert own == again and for_children == [own[NAMESPACES.index(n)] for n in ("pid", "time")]
    for number, name in enumerate(NAMESPACES):
        seen = [run[number] for run in runs[1:]] + [outside[0][number]]
        assert len(set(seen)) == len(seen), name
        assert runs[0][number] != outside[0][number]
        assert outside[1][number] not in seen[:-1], name


def test_what_it_writes_is_not_there_in_the_next():
    policy = Policy(mode="agent")
    policy.prepare(2)
    script = "for d in /tmp /home/agent /dev/shm; do ls -A $d; echo x >$d/file && cat $d/file; done"
    for _ in range(4):
        said = prepared(policy, "sh", "-c", script)
        assert said.split() == ["x", "x", "x"]


def test_it_cannot_signal_others():
    policy = Policy(mode="agent", seccomp="off", landlock="off")
    policy.prepare(2)
    with start(policy, "cat", stdin=PIPE, stdout=PIPE) as other:
        until(lambda: len(children()) == 4, "a maker, a program, and two sandboxes for the next")
        before = children()
        script = "echo /proc/[0-9]*; kill -9 -1; kill -9 1; echo there"
        with start(policy, "sh", "-c", script, stdout=PIPE, text=True) as process:
            assert process.communicate()[0] == "/proc/2\nthere\n"
        assert set(before) - {process.pid} <= set(children())
        assert other.communicate(b"there")[0] == b"there"


def test_a_program_that_is_not_there():
    policy = Policy(mode="agent")
    policy.prepare(1)
    errors = []
    for begin in (lambda: Popen(["none"], policy=Policy(mode="agent")), lambda: start(policy, "none")):
        with pytest.raises(FileNotFoundError) as caught:
            begin()
        errors.append(str(caught.value))
    assert errors[0] == errors[1]
    assert prepared(policy, "echo", "there") == "there\n"


def test_arguments_and_input():
    policy = Policy(mode="agent")
    policy.prepare(1)
    args = ["", "a b", "\n", "ü", "x" * 100000]
    with start(policy, "sh", "-c", 'printf "%s|" "$@"; cat', "sh", *args, stdin=PIPE, stdout=PIPE) as process:
        out = process.communicate(b"y" * 300000)[0]
    assert out == "|".join([*args, ""]).encode() + b"y" * 300000


# ---- many ----------------------------------------------------------------------------------------

def test_one_after_the_other():
    policy = Policy(mode="agent")
    policy.prepare(2)
    pids = set()
    for number in range(20):
        with start(policy, "echo", str(number), stdout=PIPE, text=True) as process:
            pids.add(process.pid)
            assert process.communicate()[0] == f"{number}\n"
    assert len(pids) == 20


def test_from_threads():
    policy = Policy(mode="agent")
    policy.prepare(2)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda n: nucleus.run(["echo", str(n)], policy=policy, capture_output=True,
                                                   text=True).stdout, range(40)))
    assert done == [f"{n}\n" for n in range(40)]


def test_none_are_kept_any_more():
    """Also of those that other threads have used."""
    policy, before = Policy(mode="agent"), children()
    policy.prepare(2)
    together = threading.Barrier(4)

    def hold(_):
        with Popen(["cat"], policy=policy, stdin=PIPE, stdout=DEVNULL):
            together.wait()

    with policy._sandbox(), policy._sandbox(), policy._sandbox():
        pass  # as many as there were threads at once
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(hold, range(4)))
    assert len(children()) > len(before)
    policy.prepare(0)
    assert children() == before
    assert direct(policy, "echo", "there") == "there\n"


# ---- what cannot be ------------------------------------------------------------------------------

@pytest.mark.parametrize("count, error", [(65, ValueError), (-1, ValueError), (2**32, ValueError),
                                          ("x", TypeError), (1.5, TypeError), (None, TypeError)])
def test_counts(count, error):
    policy = Policy(mode="agent")
    policy.prepare(1)
    with pytest.raises(error):
        policy.prepare(count)
    assert prepared(policy, "echo", "there") == "there\n"


def test_most():
    policy, before = Policy(mode="agent"), children()
    policy.prepare(64)
    until(lambda: len(children()) == len(before) + 65, "a maker and 64 sandboxes")
    policy.prepare(0)
    assert children() == before


@pytest.mark.parametrize("options", [{"workspace": "{}", "workspace_mode": "copy-in-out"},
                                     {"context": "{}", "context_mode": "copy"},
                                     {"process_pass_fds": "{fd}"},
                                     {"seccomp_mode": "trace", "seccomp_log": "{}/log"}])
def test_what_is_there_only_at_the_start(tmp_path, options):
    before = children()
    with open(os.devnull, "rb") as file:
        policy = Policy(mode="agent", **{k: v.format(tmp_path, fd=file.fileno()) for k, v in options.items()})
        with pytest.raises(NucleusError) as caught:
            policy.prepare(1)
        assert caught.value.errno == errno.EOPNOTSUPP
        assert children() == before
        assert direct(policy, "echo", "there") == "there\n"


# ---- what changes outside meanwhile --------------------------------------------------------------

def test_a_directory_that_was_replaced(tmp_path):
    work = tmp_path / "work"
    work.mkdir()
    (work / "who").write_text("first")
    policy = Policy(mode="agent", workspace=work)
    policy.prepare(1)
    assert prepared(policy, "cat", "/workspace/who") == "first"
    ahead()
    work.rename(tmp_path / "away")
    work.mkdir()
    (work / "who").write_text("second")
    with pytest.raises(NucleusError) as caught:
        direct(policy, "cat", "/workspace/who")
    assert caught.value.errno == errno.ESTALE
    (work / "who").unlink()
    work.rmdir()
    (tmp_path / "away").rename(work)
    assert direct(policy, "cat", "/workspace/who") == "first"


@pytest.mark.parametrize("script", ["mv a b; mkdir -p a/inner; echo bad >a/inner/who",
                                    "mv a b; mkdir -p b/inner a/inner; echo bad >a/inner/who"])
@pytest.mark.parametrize("where", ["in a sandbox", "outside"])
def test_a_mount_point_that_was_replaced(tmp_path, where, script):
    """A volume in a workspace is where the policy says, whatever an earlier program has made of its path."""
    work, volume = tmp_path / "work", tmp_path / "volume"
    (work / "a" / "inner").mkdir(parents=True)
    volume.mkdir()
    (volume / "who").write_text("right\n")
    policy = Policy(mode="agent", workspace=work, volume=[f"{volume}:/workspace/a/inner:ro"])
    if prepares(policy, 2):
        ahead()
    if where == "outside":
        os.system(f"cd {work}; {script}")
    else:
        direct(policy, "sh", "-c", script)
    assert (work / "a" / "inner" / "who").read_text() == "bad\n"
    assert [direct(policy, "cat", "/workspace/a/inner/who") for _ in range(4)] == ["right\n"] * 4


def test_a_mount_point_that_was_removed(tmp_path):
    """Where a file is replaced by a new one, as editors do, the kernel unmounts what was on the old one."""
    work, volume = tmp_path / "work", tmp_path / "file"
    work.mkdir()
    (work / "file").write_text("covered\n")
    volume.write_text("right\n")
    policy = Policy(mode="agent", workspace=work, volume=[f"{volume}:/workspace/file:ro"])
    if prepares(policy, 2):
        ahead()
    (work / "new").write_text("bad\n")
    (work / "new").rename(work / "file")
    assert [direct(policy, "cat", "/workspace/file") for _ in range(4)] == ["right\n"] * 4


@pytest.mark.parametrize("target", ["/data", "/tmp/data", "/home/agent/data"])
def test_volumes_in_file_systems_of_its_own(tmp_path, target):
    (tmp_path / "who").write_text("right\n")
    policy = Policy(mode="agent", volume=[f"{tmp_path}:{target}:ro"])
    run = prepared if prepares(policy, 1) else direct
    assert [run(policy, "cat", f"{target}/who") for _ in range(2)] == ["right\n"] * 2


# ---- what is left --------------------------------------------------------------------------------

def test_nothing_is_left():
    before = fds(), children()
    policy = Policy(mode="agent")
    policy.prepare(8)
    assert prepared(policy, "true") == ""
    until(lambda: len(leftovers(before)[1]) > 1, "a sandbox beside the maker")
    del policy
    assert leftovers(before) == ({}, [])


def test_nothing_is_left_of_a_process_that_is_killed():
    code = """if 1:
        import os, nucleus, signal
        from support import children, until
        policy = nucleus.Policy(mode="agent")
        policy.prepare(3)
        until(lambda: len(children()) == 4)
        print(*children(), flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    pids = run_python(code, env={"PYTHONWARNINGS": "ignore"}, code_wanted=-9).split()
    assert len(pids) == 4
    until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids), "the end of all")


@pytest.mark.parametrize("options", [{}, {"limits_cgroup": True}])
@pytest.mark.parametrize("use", [True, False])
def test_forked(options, use):
    """The child has none of them, makes its own, and ends none of its parent's."""
    policy = Policy(mode="agent", **options)
    policy.prepare(2)
    assert prepared(policy, "echo", "parent") == "parent\n"
    until(lambda: len(children()) == 3, "a maker and two sandboxes")
    before = children()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            if use:
                assert direct(policy, "echo", "child") == "child\n" and not set(before) & set(children())
                assert prepared(policy, "echo", "child") == "child\n"
            policy.drop_compiled()
            assert children() == []
            status = 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert children() == before
    for _ in range(3):
        assert prepared(policy, "echo", "parent") == "parent\n"


def test_streams_that_the_caller_has_closed():
    """What is opened meanwhile is not taken for the caller's own."""
    code = """if 1:
        import os, nucleus
        policy = nucleus.Policy(mode="agent")
        said = os.dup(1)
        os.close(1)
        policy.prepare(1)
        script = "import os; os.write(2, os.readlink(b'/proc/self/fd/1') + b' ')"
        for _ in range(3):
            with nucleus.Popen(["python3", "-c", script], policy=policy, stderr=said):
                assert not os.path.exists("/proc/self/fd/1"), os.readlink("/proc/self/fd/1")
    """
    assert run_python(code, env={"PYTHONWARNINGS": "ignore"}) == "/dev/null " * 3
