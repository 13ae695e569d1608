#!/bin/sh
# SPDX-License-Identifier: MIT
# sh tests/valgrind.sh BUILD_DIR: the unit tests of pure code (tests/unit/meson.build names them) under
# valgrind. Any error and any block that is not freed is a failure; nothing is suppressed. BUILD_DIR is
# a debug build without sanitizers. Others cannot: valgrind does not know clone3, seccomp and Landlock.
set -u
build=$(cd "${1:?usage: sh tests/valgrind.sh BUILD_DIR}" && pwd) || exit 2
scratch=$(mktemp -d) || exit 2
trap 'rm -rf "$scratch"' EXIT
passed=0 failed=0
ERROR=99
# Silent in children: they end with _exit() and free nothing. CK_FORK: the tests themselves are none.
valgrind="valgrind -q --leak-check=full --show-leak-kinds=all --errors-for-leak-kinds=all
	--child-silent-after-fork=yes --error-exitcode=$ERROR"
export CK_FORK=no

# A check that can find nothing would pass: it must find each of these.
# finds WHAT C_STATEMENTS STATUS
finds() {
	printf '#include <stdlib.h>\nchar *volatile p;\nint main(void) { %s }\n' "$2" >"$scratch/bug.c"
	gcc -g -O0 -o "$scratch/bug" "$scratch/bug.c" 2>"$scratch/log" || { cat "$scratch/log"; return 1; }
	$valgrind "$scratch/bug" >"$scratch/log" 2>&1
	if [ $? = "$3" ]; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "FAILED: valgrind and $1"
		cat "$scratch/log"
	fi
}
finds "a sound program" 'p = malloc(9); p[8] = 1; free(p); return 0;' 0
finds "a leak" 'p = malloc(9); p = NULL; return 0;' $ERROR
finds "a block that is still reachable" 'p = malloc(9); return 0;' $ERROR
finds "a write behind the end" 'p = malloc(9); p[9] = 1; free(p); return 0;' $ERROR
finds "a decision by what was never set" 'p = malloc(9); int r = p[8] > 3; free(p); if (r) exit(1); return 0;' $ERROR
echo "$passed passed, $failed failed"

meson test -C "$build" --no-rebuild --suite pure --wrapper "$(echo $valgrind)" --timeout-multiplier 10
status=$?
cat "$build/meson-logs/testlog-valgrind.txt"
[ $status = 0 ] && [ $failed = 0 ]
