# SPDX-License-Identifier: MIT
"""Steady work of servers: PostgreSQL and redis, each with its clients in the same sandbox."""

import pathlib
import socket
from typing import List

from work_task import Figure, Task, ended, nothing

POSTGRES_PROGRAMS = "/usr/lib/postgresql/15/bin"

# The processor time of a server is what it and the children that it has reaped have had: sessions end with pgbench.
SERVER = r"""
server_us() { # in REPLY
	local s
	read -ra s <"/proc/$server/stat"
	cpu_us
	REPLY=$((REPLY + (s[13] + s[14] + s[15] + s[16]) * 10000))
}
trap 'kill "$server" 2>/dev/null || :; wait' EXIT
trap 'exit 1' HUP INT TERM
answers() { # COMMAND...: until it succeeds, the server has ended, or for 60 seconds
	until "$@" >"$folder/said" 2>&1; do
		((SECONDS < 60)) || { cat "$folder/said" >&2; exit 1; }
		kill -0 "$server" 2>/dev/null || { tail -n 1 "$folder/log" >&2; exit 1; }
		sleep 0.05
	done
}
served() { # NAME COUNT|- COMMAND...: - is a command that says how many, in COUNT
	local name=$1 n=$2 begin end cpu
	shift 2
	server_us
	cpu=$REPLY
	begin=${EPOCHREALTIME/./}
	"$@"
	end=${EPOCHREALTIME/./}
	sleep 0.1 # until sessions are reaped
	server_us
	[ "$n" != - ] || n=$COUNT
	echo "$name $n $((end - begin)) $((REPLY - cpu))" >&3
}
"""

# One set of files for both, in turns: the same pages lie in the same places. Without fsync: it would measure the disk.
POSTGRES = SERVER + rf"""
PATH={POSTGRES_PROGRAMS}:$PATH
postgres -D "$folder/data" -k "$folder" -c listen_addresses= -c fsync=off -c autovacuum=off \
	-c checkpoint_timeout=1h -c max_wal_size=8GB -c shared_buffers=128MB >"$folder/log" 2>&1 &
server=$!
answers pg_isready -h "$folder" -U bench
bench() {{
	pgbench -n -h "$folder" -U bench -c 2 -T "$@" postgres >"$folder/said" 2>&1 || {{ cat "$folder/said" >&2; exit 1; }}
	COUNT=$(sed -n 's/^number of transactions actually processed: \([0-9]*\).*/\1/p' "$folder/said")
}}
bench 1 -S # fills the caches
served select - bench "$1" -S -M prepared
served tpcb - bench "$1" -M prepared
kill -INT "$server"
wait "$server" || true
"""

REDIS = SERVER + r"""
redis-server --port "$2" --bind 127.0.0.1 --save '' --appendonly no --dir "$folder" >"$folder/log" 2>&1 &
server=$!
answers redis-cli -p "$2" ping
bench() { redis-benchmark -p "$2" -n "$1" -q -t "$3" >"$folder/said" 2>&1 || { cat "$folder/said" >&2; exit 1; }; }
bench "$(($1 / 10))" "$2" get
served get "$1" bench "$1" "$2" get
served set "$1" bench "$1" "$2" set
"""


# In a sandbox: initdb wants a user with a name, and no root.
FILL = f"""
PATH={POSTGRES_PROGRAMS}:$PATH
cd "$1"
exec >"$1/log" 2>&1
initdb -D data -A trust -U bench --locale=C.UTF-8 --no-sync
pg_ctl -D data -w -o "-k '$1' -c listen_addresses= -c fsync=off" -l "$1/server" start
pgbench -q -i -s "$2" -h "$1" -U bench postgres
pg_ctl -D data -w -m fast stop
"""


def fill_postgres(folder: pathlib.Path, quick: bool, inside: List[str]) -> None:
    ended([*inside, "/bin/bash", "-euc", FILL, "bash", str(folder), "2" if quick else "10"], folder)


def redis_words(quick: bool) -> List[str]:
    """How many requests, and a port of 127.0.0.1 that nobody has."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return ["5000" if quick else "40000", str(free.getsockname()[1])]


PROFILE = "/usr/share/containers/seccomp.json"  # of containers-common, which podman needs
PGBENCH = "pgbench, 2 clients, unix socket, fsync off, server and clients in one sandbox"
TASKS = [
    Task("postgres", {"select": Figure("PostgreSQL 15, select-only", "transactions/s", 0.98),
                      "tpcb": Figure("PostgreSQL 15, TPC-B", "transactions/s", 0.98)},
         fill_postgres, lambda quick: ["1" if quick else "2"], POSTGRES, rounds=16, notes=[
             f"{PGBENCH}. Each round starts the server anew on the same files."]),
    Task("redis", {"get": Figure("redis GET", "requests/s", 0), "set": Figure("redis SET", "requests/s", 0)},
         nothing, redis_words, REDIS, rounds=12, options=["--seccomp-profile", PROFILE], notes=[
             "redis-benchmark, 50 connections over 127.0.0.1: bare that is the host's, in the sandbox its own.",
             f"With the filter of {PROFILE}: redis wants epoll_create, which the default one refuses."]),
]
