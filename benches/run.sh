#!/bin/sh
# SPDX-License-Identifier: MIT
# What a start costs, against plain vfork and exec and against bubblewrap: sh benches/run.sh [ROUNDS]
# As root it measures root and an unprivileged user; each with a small caller and with 4 GiB resident, and
# from Python (python.py).
set -eu
cd "$(dirname "$0")/.."
# The system's own programs, which every user may run.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
rounds=${1:-200}
sh tests/setup-debian.sh test
build=$PWD/build-benches
[ -f "$build/build.ninja" ] || meson setup "$build" -Dtests=false >/dev/null
ninja -C "$build" cli/nucleus-cli lib/libnucleus.so.0.1.0 benches >/dev/null
# A place that every user can read and execute from.
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
chmod 755 "$place"
mkdir "$place/bin"
cp "$build/cli/nucleus-cli" "$build/benches/bench-launch" "$place"
cp "$build/benches/true" "$place/bin/true"
cp "$build/lib/libnucleus.so.0" "$place"
mkdir -p "$place/bindings" "$place/benches"
cp -R bindings/python "$place/bindings"
cp benches/python.py "$place/benches"

by() {
	if [ "$1" = root ]; then
		shift && "$@"
	else
		shift && $as_user "$@"
	fi
}
measure() {
	printf '\n%s, %s GiB resident in the caller, %s rounds\n' "$1" "$2" "$rounds"
	by "$1" "$place/bench-launch" "$place/nucleus-cli" "$place/bin/true" "$rounds" "$2"
}
measure_python() {
	printf '\n%s, from Python\n' "$1"
	by "$1" env NUCLEUS_LIBRARY="$place/libnucleus.so.0" python3 -B "$place/benches/python.py" \
		"$place/bench-launch" "$place/bin/true" "$rounds"
}

printf '%s, %s processors, load %s\n' "$(uname -sr)" "$(nproc)" "$(cut -d' ' -f1 /proc/loadavg)"
as_user=
for gib in 0 4; do
	if [ "$(id -u)" = 0 ]; then
		as_user='setpriv --reuid=12345 --regid=12345 --clear-groups --inh-caps=-all'
		measure root $gib
	fi
	measure user $gib
done
[ -z "$as_user" ] || measure_python root
measure_python user
