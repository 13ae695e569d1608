#!/bin/sh
# SPDX-License-Identifier: MIT
# sh tests/abi/run.sh BUILD_DIR: what a packager and an embedder rely on: the exported names, headers
# that compile as C and as C++, an installation that works from where it was put. BUILD_DIR is built
# with gcc or clang, without sanitizers; nothing in it is changed. Ends with "N passed, N failed".
set -u
build=$(cd "${1:?usage: sh tests/abi/run.sh BUILD_DIR}" && pwd) || exit 2
cd "$(dirname "$0")/../.." || exit 2
scratch=$(mktemp -d) || exit 2
trap 'rm -rf "$scratch"' EXIT
. tests/abi/check.sh

# ---- names ------------------------------------------------------------------------------------------

so=$build/lib/libnucleus.so
symbols() { sed -n 's/^\t\(nucleus_[a-z0-9_]*\);$/\1/p' lib/libnucleus.sym | sort; }
exported() { nm -D --defined-only "$1" | sed 's/@.*//' | awk '$2 != "A" { print $3 }' | sort; }
declared() { tr '\n' ' ' <include/nucleus/nucleus.h | grep -o 'NUCLEUS_API [^;]*;' |
	grep -o 'nucleus_[a-z0-9_]*(' | tr -d '(' | sort -u; }
same() { "$1" >"$scratch/a" && "$2" >"$scratch/b" && diff -u "$scratch/a" "$scratch/b"; }
exported_of_so() { exported "$so"; }
only_ours() { ! exported "$so" | grep -v '^nucleus_'; }
soname() { objdump -p "$so" | grep -q 'SONAME *libnucleus\.so\.0$'; }
versioned() { ! nm -D --defined-only "$so" | awk '$2 != "A"' | grep -v '@@NUCLEUS_0\.1$'; }
hardened() {
	readelf -dW "$so" | grep -q BIND_NOW && readelf -lW "$so" | grep -q GNU_RELRO &&
		readelf -lW "$so" | grep 'GNU_STACK' | grep -q 'RW ' &&
		! readelf -lW "$so" | grep LOAD | grep -q 'RWE' && ! readelf -dW "$so" | grep -q TEXTREL
}
child_alone() {
	set -- "$build"/lib/launch/libnuc-child.a.p/*.o
	[ -e "$1" ] && [ -z "$(nm -u "$@")" ]
}
init_alone() {
	init=$(find "$build/lib" -name nucleus-init -type f)
	[ -n "$init" ] && [ -z "$(nm -u "$init")" ] &&
		! readelf -lW "$init" | grep -qE 'INTERP|RWE' &&
		! readelf -dW "$init" | grep -qE 'NEEDED|TEXTREL'
}
# It is at another address each time, and nobody relocates it.
init_anywhere() {
	readelf -hW "$init" | grep -q 'Type: *DYN' &&
		readelf -rW "$init" | grep -qx 'There are no relocations in this file.'
}
# The library is a guest: it never ends, prints, or catches signals. (free() aborts inside libc.)
unwanted='exit|_exit|abort|v?f?printf|__v?f?printf_chk|puts|perror|signal|sigaction|pthread_create|fork'
unwanted="$unwanted|system|setenv|putenv|chdir|fchdir|umask|set(e|re|res)?[ug]id"
guest() {
	! nm -D --undefined-only "$so" | awk '{ print $2 }' | sed 's/@.*//' | grep -xE "$unwanted"
}
check "the exported symbols are those of libnucleus.sym" same symbols exported_of_so
check "the header declares what is exported" same symbols declared
check "only nucleus_ names are exported" only_ours
check "every symbol has the version NUCLEUS_0.1" versioned
check "the soname is libnucleus.so.0" soname
check "the library is bound now, relro, without executable stack" hardened
check "the child's object needs nothing" child_alone
check "init needs nothing and is static" init_alone
check "init can be anywhere, without relocations" init_anywhere
check "the library calls nothing that a guest does not call" guest

# ---- headers ----------------------------------------------------------------------------------------

printf '#include <nucleus/nucleus.h>\nint main(void) { return nucleus_version() == 0; }\n' >"$scratch/h.c"
cp "$scratch/h.c" "$scratch/h.cc"
for cc in gcc clang; do
	for std in c11 c17 gnu17; do
		check "the header as $std, $cc" "$cc" -std=$std -pedantic -Wall -Wextra -Wstrict-prototypes \
			-Wmissing-prototypes -Werror -Iinclude -fsyntax-only "$scratch/h.c"
	done
done
for cxx in g++ clang++; do
	for std in c++11 c++17 c++20; do
		check "the header as $std, $cxx" "$cxx" -std=$std -pedantic -Wall -Wextra -Werror -Iinclude \
			-fsyntax-only "$scratch/h.cc"
	done
done
for f in embed loop check_example check_sandbox; do
	check "examples/$f.c as pedantic C11" gcc -std=c11 -pedantic -Wall -Wextra -Werror -Iinclude \
		-fsyntax-only examples/$f.c
done

# ---- an installation ----------------------------------------------------------------------------------

root=$scratch/root
check "it installs into DESTDIR" env DESTDIR="$root" meson install --no-rebuild -C "$build"
libdir=$(dirname "$(find "$root" -name 'libnucleus.so.0' | head -n 1)")
pc=$(find "$root" -name nucleus.pc)
prefix=$(sed -n 's/^prefix=//p' "$pc")
pkg() {
	PKG_CONFIG_SYSROOT_DIR=$root PKG_CONFIG_LIBDIR=$(dirname "$pc"):$(
		pkg-config --variable pc_path pkg-config) pkg-config "$@" nucleus
}
# Out of the tree: nothing of the repository is within reach.
out=$scratch/elsewhere
mkdir "$out" && cp examples/embed.c "$out" && mkdir "$out/project"
echo 'exit 7' >"$out/project/job.sh"
runs() { "$@" "$out/project" sh job.sh; [ $? = 7 ]; }
shared_program() {
	cd "$out" && gcc -o embed embed.c $(pkg --cflags --libs) && cd "$OLDPWD" &&
		runs env LD_LIBRARY_PATH="$libdir" "$out/embed"
}
static_program() {
	cd "$out" && gcc -o embed-static embed.c $(pkg --cflags) "$libdir/libnucleus.a" \
		$(pkg --libs --static | sed 's/-lnucleus//') && cd "$OLDPWD" &&
		! readelf -dW "$out/embed-static" | grep -q libnucleus && runs "$out/embed-static"
}
installed() { [ -e "$root$prefix/$1" ]; }
cli_runs() {
	[ "$(LD_LIBRARY_PATH=$libdir "$root$prefix/bin/$1" run -- sh -c 'echo up')" = up ]
}
check "a program built by pkg-config against it runs" shared_program
check "so does one that is linked statically" static_program
# The commands that the examples tell, and what they do then.
all_examples() (
	mkdir "$out/examples" && cp examples/*.[ch] "$out/examples" && cd "$out/examples" &&
		gcc -o embed embed.c $(pkg --cflags --libs) && gcc -o loop loop.c $(pkg --cflags --libs) &&
		gcc -o check_example check_example.c check_sandbox.c $(pkg --cflags --libs) \
			$(pkg-config --cflags --libs check) && cd "$OLDPWD" &&
		LD_LIBRARY_PATH=$libdir python3 -B tests/examples/c_test.py "$out/examples"
)
check "the examples, built by pkg-config against it, run" all_examples
version() { [ "$(pkg --modversion)" = "$(LD_LIBRARY_PATH=$libdir "$root$prefix/bin/nucleus" version |
	grep -o '[0-9][0-9.]*' | head -n 1)" ]; }
check "pkg-config and the program agree on the version" version
for f in bin/nucleus bin/nucleus-cli include/nucleus/nucleus.h share/man/man1/nucleus.1 \
	share/bash-completion/completions/nucleus; do
	check "$f is installed" installed "$f"
done
check "the installed nucleus runs" cli_runs nucleus
check "so does nucleus-cli" cli_runs nucleus-cli
only_public() { [ "$(find "$root$prefix/include" -type f | wc -l)" = 1 ]; }
check "the one public header is the only one" only_public
for page in "$root$prefix"/share/man/man?/*; do
	check "$(basename "$page") is a man page" grep -q '^\.TH' "$page"
done

echo "$passed passed, $failed failed"
[ $failed = 0 ]
