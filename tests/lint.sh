#!/bin/sh
# SPDX-License-Identifier: MIT
# sh tests/lint.sh BUILD_DIR: clang-tidy and cppcheck over the library and the program, by the commands
# that BUILD_DIR (configured with clang) was compiled with. Ends with "N passed, N failed": files.
set -u
build=$(cd "${1:?usage: sh tests/lint.sh BUILD_DIR}" && pwd) || exit 2
cd "$(dirname "$0")/.." || exit 2
scratch=$(mktemp -d) || exit 2
trap 'rm -rf "$scratch"' EXIT

# Each file once; what the build does not compile (the fuzzers) has no commands.
sed -n 's/^ *"file": "\(.*\)",*$/\1/p' "$build/compile_commands.json" | sed 's|^\(\.\./\)*||' |
	sed "s|^$PWD/||" | grep -E '^(lib|cli|examples|benches)/.*\.c$' | sort -u >"$scratch/files"
mkdir "$scratch/out"
xargs -P "$(nproc)" -I{} sh -c '
	out=$2/$(echo "$1" | tr / _)
	clang-tidy --quiet -p "$3" "$1" >"$out" 2>/dev/null && rm "$out"' \
	sh {} "$scratch/out" "$build" <"$scratch/files"
total=$(wc -l <"$scratch/files")
failed=$(ls "$scratch/out" | wc -l)
cat "$scratch/out"/* 2>/dev/null

# memleak: it does not know the cleanup attribute. comparePointers: two symbols of one object of blob.S.
total=$((total + 1))
cppcheck --quiet --std=c11 --language=c --enable=warning,performance,portability --inline-suppr \
	--error-exitcode=1 -j "$(nproc)" --suppress=missingInclude --suppress=missingIncludeSystem \
	--suppress=memleak --suppress=comparePointers:lib/launch/prepare.c \
	--template='{file}:{line}: error: {message} [{id}]' \
	-D_GNU_SOURCE -D__x86_64__ -DNUCLEUS_VERSION='""' -Iinclude -Ilib/base -Ilib/host -Ilib/policy \
	-Ilib/seccomp -Ilib/plan -Ilib/rootfs -Ilib/launch -Ilib/process \
	lib cli examples benches || failed=$((failed + 1))

echo "$((total - failed)) passed, $failed failed"
[ "$failed" = 0 ] && [ "$total" -gt 1 ]
