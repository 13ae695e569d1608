#!/bin/sh
# SPDX-License-Identifier: MIT
# All tests, from a fresh clone:
#
#   sh tests/run.sh              everything, as root and as an unprivileged user
#   sh tests/run.sh unit live    these parts only; `sh tests/run.sh list` names them
#
# Installs what is missing (Debian, as root; see setup-debian.sh), builds into build-tests/, prints a
# table and a closing line. A test that cannot run is a failure. An unprivileged user gets all that
# such a user can run, and a failure for the rest unless NUCLEUS_ALLOW_PARTIAL=1.
#
#   FUZZ_SECONDS=60    for each fuzzer
set -u
umask 022
cd "$(dirname "$0")/.." || exit 2
# Whoever starts this in the background has SIGINT ignored, and so would everything below it.
[ -n "${NUCLEUS_TESTS_SIGNALS-}" ] ||
	NUCLEUS_TESTS_SIGNALS=default exec env --default-signal sh tests/run.sh "$@"
repo=$PWD
# The system's own programs, as the sandboxes see them and as every user may run them.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH
unset CC CXX CFLAGS CXXFLAGS LDFLAGS DESTDIR LD_PRELOAD LD_LIBRARY_PATH PYTHONPATH
# The suites count what they cannot run as failed.
[ -n "${NUCLEUS_ALLOW_PARTIAL-}" ] || export CI=true

PARTS='unit clang asan tsan abi embed fault live attack programs lint fuzz quickstart'
[ "${1-}" != list ] || { echo "$PARTS"; exit 0; }
wanted=${*:-$PARTS}
for w in $wanted; do
	case " $PARTS " in
	*" $w "*) ;;
	*)
		echo "run.sh: no part '$w': choose from $PARTS" >&2
		exit 2
		;;
	esac
done

sh tests/setup-debian.sh test || { echo "0 passed, 1 failed"; exit 1; }

scratch=$(mktemp -d) || exit 2
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' HUP INT TERM
chmod 755 "$scratch"
mkdir "$scratch/home" "$scratch/log"

# ---- counting ------------------------------------------------------------------------------------------

passed=0 failed=0
: >"$scratch/table"

# Sums what a log counts: "N passed, N failed" of our suites, Check's "Checks: N, Failures: N, Errors: N".
count() {
	sed -n -e 's/^\([A-Za-z_-]*: \)\{0,1\}\([0-9]*\) passed, \([0-9]*\) failed.*/\2 \3/p' \
		-e 's/.*Checks: \([0-9]*\), Failures: \([0-9]*\), Errors: \([0-9]*\).*/\1 \2 \3 check/p' "$1" |
		awk '$4 == "check" { $2 += $3; $1 -= $2 } { p += $1; f += $2 } END { print p + 0, f + 0 }'
}

# row WHAT WHO PASSED FAILED SECONDS
row() {
	passed=$((passed + $3)) failed=$((failed + $4))
	printf '%-38s %-5s %7d %7d %6d s\n' "$@" >>"$scratch/table"
}

# part WHAT WHO COMMAND...: runs it, and adds a row. What exits with 0 and counts nothing has passed one
# test; what exits otherwise has failed at least one.
part() {
	what=$1 who=$2 start=$(date +%s)
	shift 2
	log=$scratch/log/$(printf '%s %s' "$what" "$who" | tr -c 'a-z0-9' -)
	printf '%s  %s %s\n' "$(date +%T)" "$what" "$who"
	"$@" >"$log" 2>&1 </dev/null
	status=$?
	read -r p f <<-END
		$(count "$log")
	END
	[ $status -ne 0 ] || [ $((p + f)) -ne 0 ] || p=1
	[ $status -eq 0 ] || [ "$f" -ne 0 ] || f=1
	if [ "$f" -ne 0 ]; then
		echo "---- failed with $status: $what $who"
		grep -n -i -E '(^|[^a-z])(fail|failed|error|fatal|warning)([^a-z]|$)|:[FE]:' "$log" | head -n 60
		echo "---- and at its end"
		tail -n 40 "$log"
		echo "----"
	fi
	row "$what" "$who" "$p" "$f" $(($(date +%s) - start))
	[ "$f" -eq 0 ]
}

# ---- who -----------------------------------------------------------------------------------------------

USER_ID=12345
if [ "$(id -u)" = 0 ]; then
	users='root user'
	chown $USER_ID:$USER_ID "$scratch/home"
else
	users=user
fi
as_user() {
	if [ "$(id -u)" = 0 ]; then
		setpriv --reuid=$USER_ID --regid=$USER_ID --clear-groups --inh-caps=-all \
			env HOME="$scratch/home" "$@"
	else
		"$@"
	fi
}
# by root|user COMMAND...: in $place
by() (
	cd "$place" || exit
	if [ "$1" = user ]; then
		shift && as_user "$@"
	else
		shift && "$@"
	fi
)
# for_users WHAT COMMAND...
for_users() {
	for u in $users; do
		what=$1
		shift
		part "$what" "$u" by "$u" "$@"
		set -- "$what" "$@"
	done
}

# ---- builds --------------------------------------------------------------------------------------------

builds=$repo/build-tests
gcc=$builds/gcc

# build NAME WORDS COMPILER MESON_OPTION...: once, and a row for it
build() {
	name=$1 words=$2 compiler=$3
	shift 3
	case " ${built-} " in *" $name "*) return 0 ;; esac
	built="${built-} $name"
	part "build: $words" '' compile "$builds/$name" "$compiler" "$@"
}
compile() {
	dir=$1 compiler=$2
	shift 2
	mkdir -p "$builds" || return
	[ -f "$dir/build.ninja" ] || CC=$compiler meson setup "$dir" "$@" || return
	# Of a build for fuzzing only the fuzzers: other programs are not made for its flags.
	case $dir in
	*/fuzz) ninja -C "$dir" $(ninja -C "$dir" -t targets all | sed -n 's|^\(tests/fuzz/fuzz-[a-z]*\): .*|\1|p') ;;
	*) ninja -C "$dir" ;;
	esac
}

# The build that is tested, and a place from which every user can run it: the repository itself, or a
# copy if that lies where only its owner may look.
need_gcc() {
	build gcc gcc gcc || return
	[ -z "${place-}" ] || return 0
	place=$repo
	as_user test -x "$gcc/cli/nucleus" -a -r "$repo/tests/run.sh" && return
	place=$scratch/place
	mkdir -p "$place/build-tests" && cp -R "$gcc" "$place/build-tests" || return
	for f in *; do
		case $f in build*) ;; *) cp -R "$f" "$place" || return ;; esac
	done
	chmod -R a+rX "$place"
}

# Our own counts from the programs' output: meson counts programs.
meson_test() {
	dir=$1
	shift
	meson test -C "$dir" --no-rebuild "$@"
	status=$?
	cat "$dir/meson-logs/testlog.txt"
	return $status
}

# ---- the parts -----------------------------------------------------------------------------------------

not_live='--no-suite embed --no-suite fault'

do_unit() {
	need_gcc || return
	part "unit, golden, differential, command line" '' meson_test "$gcc" $not_live
}

do_clang() {
	build clang clang clang || return
	part "the same, built by clang" '' meson_test "$builds/clang" $not_live
}

do_asan() {
	build asan "ASan and UBSan" gcc -Dbuildtype=debugoptimized -Db_sanitize=address,undefined || return
	part "unit and embedder, ASan and UBSan" '' meson_test "$builds/asan" --no-suite fault
}

do_tsan() {
	build tsan "TSan" gcc -Dbuildtype=debugoptimized -Db_sanitize=thread || return
	part "embedder's threads, TSan" '' meson_test "$builds/tsan" embed-threads
}

do_abi() {
	need_gcc || return
	part "ABI, headers, installation" '' sh tests/abi/run.sh "$gcc"
}

do_embed() {
	need_gcc || return
	for test in caller process threads; do
		for_users "embedder: $test" build-tests/gcc/tests/embed/embed-$test
	done
}

do_fault() {
	need_gcc || return
	for test in kill steps; do
		for_users "fault: $test" build-tests/gcc/tests/fault/fault-$test
	done
}

do_live() {
	need_gcc || return
	for_users "live" python3 -B tests/live/run.py --nucleus build-tests/gcc/cli/nucleus
	for_users "live: command line" python3 -B tests/live/cli_run.py \
		--nucleus build-tests/gcc/cli/nucleus
}

do_attack() {
	need_gcc || return
	for_users "attack" python3 -B tests/attack/run.py --nucleus build-tests/gcc/cli/nucleus
}

do_programs() {
	need_gcc || return
	for_users "real programs under the seccomp filter" bash tests/live/seccomp_programs.sh \
		--nucleus build-tests/gcc/cli/nucleus
}

do_lint() {
	build clang clang clang || return
	part "clang-tidy, cppcheck" '' sh tests/lint.sh "$builds/clang"
}

do_fuzz() {
	build fuzz "fuzzers" clang -Dfuzz=true -Db_sanitize=address,undefined -Db_lundef=false \
		-Dc_args=-fsanitize=fuzzer-no-link || return
	for fuzzer in "$builds"/fuzz/tests/fuzz/fuzz-*; do
		[ -f "$fuzzer" ] || continue
		name=${fuzzer##*/fuzz-}
		# New inputs go to the first directory: not into the sources.
		mkdir -p "$builds/corpus-$name"
		part "fuzzing: $name, ${FUZZ_SECONDS:-60} s" '' "$fuzzer" -max_len=4096 -close_fd_mask=1 \
			-print_final_stats=1 -max_total_time="${FUZZ_SECONDS:-60}" \
			-artifact_prefix="$builds/crash-$name-" "$builds/corpus-$name" "tests/fuzz/corpus/$name"
	done
}

do_quickstart() {
	need_gcc || return
	for_users "examples/quickstart.sh" sh examples/quickstart.sh
}

begin=$(date +%s)
for w in $wanted; do
	"do_$w"
done
[ "$users" != user ] || [ -n "${NUCLEUS_ALLOW_PARTIAL-}" ] || row "as root: needs root" '' 0 1 0

printf '\n%-38s %-5s %7s %7s %8s\n' what as passed failed time
cat "$scratch/table"
printf '%-44s %7d %7d %6d s\n\n' "all" $passed $failed $(($(date +%s) - begin))
echo "$passed passed, $failed failed"
[ $failed -eq 0 ] && [ $passed -gt 0 ]
