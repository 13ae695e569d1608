#!/bin/sh
# SPDX-License-Identifier: MIT
# Measures: sh benches/run.sh [--quick] [NAME...]
#
# --quick runs a tenth of the rounds, to see that all works. NAME is one of the benches listed in suite.py; none:
# all. As root it measures root and an unprivileged user. Prints a table for each, and renders RESULTS.md and
# results.svg beside this file (with --quick: in build-benches/results/quick).
set -eu
cd "$(dirname "$0")/.."
# The system's own programs, which every user may run.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH
sh tests/setup-debian.sh bench
build=$PWD/build-benches
[ -f "$build/build.ninja" ] || meson setup "$build" -Dtests=false >/dev/null
ninja -C "$build" cli/nucleus-cli lib/libnucleus.so.0.1.0 benches >/dev/null
# A place that every user can read and execute from.
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
chmod 755 "$place"
mkdir "$place/bin" "$place/bindings"
cp "$build/cli/nucleus-cli" "$build"/benches/bench-launch "$build"/benches/bench-sustained \
	"$build"/benches/bench-idle "$build"/benches/bench-layers "$place"
cp "$build/benches/true" "$build/benches/pause" "$build/benches/bench-storm" "$place/bin"
cp "$build/lib/libnucleus.so.0" "$place"
cp -R bindings/python "$place/bindings"
mkdir "$place/benches"
cp benches/*.py "$place/benches"
mkdir "$place/dev"
sh benches/apart.sh "$place/dev" /usr/bin/python3 -B benches/suite.py "$place" "$@"
