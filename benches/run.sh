#!/bin/sh
# SPDX-License-Identifier: MIT
# What a start costs, against plain vfork and exec and against bubblewrap: sh benches/run.sh [ROUNDS]
# As root it measures root and an unprivileged user; each with a small caller and with 4 GiB resident.
set -eu
cd "$(dirname "$0")/.."
rounds=${1:-200}
sh tests/setup-debian.sh test
build=$PWD/build-benches
[ -f "$build/build.ninja" ] || meson setup "$build" -Dtests=false >/dev/null
ninja -C "$build" cli/nucleus-cli benches >/dev/null
# A place that every user can read and execute from.
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
chmod 755 "$place"
mkdir "$place/bin"
cp "$build/cli/nucleus-cli" "$build/benches/bench-launch" "$place"
cp "$build/benches/true" "$place/bin/true"

measure() {
	printf '\n%s, %s GiB resident in the caller, %s rounds\n' "$1" "$2" "$rounds"
	if [ "$1" = root ]; then
		"$place/bench-launch" "$place/nucleus-cli" "$place/bin/true" "$rounds" "$2"
	else
		$as_user "$place/bench-launch" "$place/nucleus-cli" "$place/bin/true" "$rounds" "$2"
	fi
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
