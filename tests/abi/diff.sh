#!/bin/sh
# SPDX-License-Identifier: MIT
# sh tests/abi/diff.sh BUILD_DIR: the ABI of BUILD_DIR's library (a debug build: abidiff reads the types
# from it) against that of the last tag v*. What is added is fine; what is changed or gone is a failure
# unless the soname has changed. Before the first tag there is nothing to compare with, and what stands
# is the check of the check: of the last commit's library, variants must be found to differ, and itself
# must not. Ends with "N passed, N failed".
set -u
build=$(cd "${1:?usage: sh tests/abi/diff.sh BUILD_DIR}" && pwd) || exit 2
cd "$(dirname "$0")/../.." || exit 2
repo=$PWD
scratch=$(mktemp -d) || exit 2
trap 'rm -rf "$scratch"' EXIT
. tests/abi/check.sh
# The repository may belong to another user than the one who tests it.
git() { command git -c safe.directory='*' -C "$repo" "$@"; }

# tree REVISION DIR: its files, as they were committed
tree() { mkdir "$2" && git archive --format=tar "$1" | tar -x -C "$2"; }
# library DIR: builds the library of a tree, in DIR/b, or builds it again
library() {
	[ -f "$1/b/build.ninja" ] ||
		CC=gcc meson setup "$1/b" "$1" -Dbuildtype=debug -Dtests=false -Dstatic_cli=false || return
	ninja -C "$1/b" lib/libnucleus.so.0.1.0 2>/dev/null || ninja -C "$1/b"
}
soname() { objdump -p "$1" | sed -n 's/^ *SONAME *//p'; }
# compatible OLD_TREE OLD_BUILD NEW_TREE NEW_BUILD. abidiff: 4 is a difference, 8 one that cannot be
# harmless, 1 and 2 are errors of its own.
compatible() {
	abidiff --no-added-syms --headers-dir1 "$1/include" --headers-dir2 "$3/include" \
		"$2/lib/libnucleus.so" "$4/lib/libnucleus.so"
}
differs() {
	compatible "$scratch/head" "$scratch/head/b" "$scratch/variant" "$scratch/variant/b" >"$scratch/diff" 2>&1
	r=$?
	cat "$scratch/diff"
	[ $((r & 3)) = 0 ] && [ $((r & 12)) != 0 ] && grep -q "$1" "$scratch/diff"
}
# variant SED_SCRIPT WORD FILE...: the last commit's library with FILEs changed differs; WORD is in what differs
variant() (
	script=$1 word=$2
	shift 2
	cp -R "$scratch/head" "$scratch/variant" && cd "$scratch/variant" && rm -r b && sed -i -e "$script" "$@" &&
		library . && differs "$word"
	r=$?
	rm -r "$scratch/variant"
	return $r
)

# ---- the check of the check ------------------------------------------------------------------------------

check "the last commit can be read" tree HEAD "$scratch/head"
check "the last commit's library is built" library "$scratch/head"
check "it does not differ from itself" compatible "$scratch/head" "$scratch/head/b" "$scratch/head" \
	"$scratch/head/b"
check "a symbol that is gone is found" variant '/nucleus_process_stats;/d' nucleus_process_stats lib/libnucleus.sym
check "another type of a parameter is found" variant 's/, int on)/, long on)/' nucleus_sandbox_set_timing \
	include/nucleus/nucleus.h lib/api/sandbox.c

# ---- the last tag ------------------------------------------------------------------------------------------

tag=$(git describe --tags --abbrev=0 --match 'v*' 2>/dev/null)
if [ -z "$tag" ]; then
	echo "note: ABI: there is NO TAG v* yet: the library was compared with no release"
else
	check "$tag can be read" tree "$tag" "$scratch/tag"
	check "the library of $tag is built" library "$scratch/tag"
	old=$(soname "$scratch/tag/b/lib/libnucleus.so") new=$(soname "$build/lib/libnucleus.so")
	if [ "$old" = "$new" ]; then
		check "the ABI is compatible with that of $tag" compatible "$scratch/tag" "$scratch/tag/b" \
			"$repo" "$build"
		echo "note: ABI: compared with $tag, $new"
	else
		echo "note: ABI: the soname has changed from $old ($tag) to $new: what differs may differ"
		compatible "$scratch/tag" "$scratch/tag/b" "$repo" "$build"
	fi
fi
echo "$passed passed, $failed failed"
[ $failed = 0 ]
