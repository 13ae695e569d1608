#!/bin/sh
# SPDX-License-Identifier: MIT
# sh tests/dist.sh BUILD_DIR: `meson dist` of the last commit (what is not committed is not in it), and
# what a packager does with the tarball: unpack, build, test, elsewhere and without git.
set -u
build=$(cd "${1:?usage: sh tests/dist.sh BUILD_DIR}" && pwd) || exit 2
cd "$(dirname "$0")/.." || exit 2
scratch=$(mktemp -d) || exit 2
trap 'rm -rf "$scratch"' EXIT
chmod 755 "$scratch"
# The repository may belong to another user than the one who tests it.
export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0='*'

[ -z "$(git status --porcelain)" ] || echo "note: dist: there are changes that are not committed: not in the tarball"
rm -rf "$build/meson-dist"
meson dist -C "$build" --no-tests --allow-dirty --formats gztar || exit 1
set -- "$build"/meson-dist/nucleus-*.tar.gz
[ $# = 1 ] && [ -f "$1" ] || { echo "FAILED: no tarball, or several: $*"; exit 1; }
(cd "$build/meson-dist" && sha256sum -c ./*.sha256sum) || exit 1
mkdir "$scratch/unpacked" && tar -x -z -C "$scratch/unpacked" -f "$1" || exit 1

# All that is committed, and nothing else: neither what was generated nor what lies about.
set -- "$scratch"/unpacked/*
[ $# = 1 ] || { echo "FAILED: the tarball has more than one directory: $*"; exit 1; }
tree=$1
git ls-tree -r --name-only HEAD | sort >"$scratch/committed"
(cd "$tree" && find . ! -type d | sed 's|^\./||' | sort) >"$scratch/packed"
diff -u "$scratch/committed" "$scratch/packed" || { echo "FAILED: the tarball is not what is committed"; exit 1; }

cd "$tree" && CC=gcc meson setup build || exit 1
ninja -C build || exit 1
meson test -C build --no-rebuild --no-suite embed --no-suite fault
status=$?
cat build/meson-logs/testlog.txt
exit $status
