#!/bin/sh
# SPDX-License-Identifier: MIT
# All tests, from a fresh clone:
#
#   sh tests/run.sh              everything, as root and as an unprivileged user
#   sh tests/run.sh unit live    these parts only; `sh tests/run.sh list` names them
#
# Installs what is missing (Debian, as root; see setup-debian.sh), builds into build-tests/, prints a
# table and a closing line (tally.sh). A test that cannot run, or is skipped, is a failure. An unprivileged
# user gets all that such a user can run, and a failure for the rest unless NUCLEUS_ALLOW_PARTIAL=1.
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
unset CC CXX CFLAGS CXXFLAGS LDFLAGS DESTDIR LD_PRELOAD LD_LIBRARY_PATH
unset PYTHONPATH PYTEST_ADDOPTS PYTEST_PLUGINS MYPYPATH PIP_CONFIG_FILE PIP_INDEX_URL
# What would make Check or libFuzzer run less.
unset CK_RUN_SUITE CK_RUN_CASE CK_INCLUDE_TAGS CK_EXCLUDE_TAGS CK_FORK FUZZER_FLAGS MESON_TESTTHREADS
# Of each test of Check that sets none: four seconds are few for sanitizers on a busy machine.
export CK_DEFAULT_TIMEOUT=60
# The suites count what they cannot run as failed.
[ -n "${NUCLEUS_ALLOW_PARTIAL-}" ] || export CI=true

PARTS='tally lint unit clang asan tsan valgrind counts coverage abi dist embed fault loop python live attack
	programs vm fuzz quickstart'
PARTS=$(echo $PARTS)
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
mkdir "$scratch/home"
. tests/tally.sh
# Seccomp profiles of Docker and containers-common, fetched once for all users: see tests/profiles.py.
export NUCLEUS_PROFILES="$scratch/profiles"

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
# for_users WHAT COMMAND...: as root and as a user, at the same time
for_users() {
	what=$1
	shift
	for u in $users; do
		part "$what" "$u" by "$u" env --default-signal=INT,QUIT "$@" & # & has them ignored
	done
	wait
}

# ---- builds --------------------------------------------------------------------------------------------

builds=$repo/build-tests
gcc=$builds/gcc

# build NAME WORDS COMPILER MESON_OPTION...: once, and a row for it; fails whenever it has failed.
build() {
	name=$1 words=$2 compiler=$3
	shift 3
	case " ${built-} " in *" $name "*) return 0 ;; esac
	case " ${broken-} " in *" $name "*) return 1 ;; esac
	if part "build: $words" '' compile "$builds/$name" "$compiler" "$@"; then
		built="${built-} $name"
	else
		broken="${broken-} $name"
		return 1
	fi
}
compile() {
	dir=$1 compiler=$2
	shift 2
	mkdir -p "$dir" || return
	[ -f "$dir/build.ninja" ] || CC=$compiler meson setup "$dir" "$@" || return
	# Of a build for fuzzing only the fuzzers: other programs are not made for its flags.
	case $dir in
	*/fuzz) ninja -C "$dir" $(ninja -C "$dir" -t targets all | sed -n 's|^\(tests/fuzz/fuzz-[a-z]*\): .*|\1|p') ;;
	*/gcc) ninja -C "$dir" all benches ;;
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

need_debug() { build gcc-debug "gcc, debug" gcc -Dbuildtype=debug; }
need_clang() { build clang clang clang; }

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

do_tally() {
	part "how this table is counted" '' sh tests/tally_test.sh
}

do_lint() {
	need_clang || return
	part "clang-tidy, cppcheck" '' sh tests/lint.sh "$builds/clang"
}

do_unit() {
	need_gcc && part "unit, golden, differential, command line" '' meson_test "$gcc" $not_live
	need_debug && part "the same, debug" '' meson_test "$builds/gcc-debug" $not_live
}

do_clang() {
	need_clang && part "the same, built by clang" '' meson_test "$builds/clang" $not_live
	build clang-debug "clang, debug" clang -Dbuildtype=debug &&
		part "the same, built by clang, debug" '' meson_test "$builds/clang-debug" $not_live
}

do_asan() {
	build asan "ASan and UBSan" gcc -Dbuildtype=debugoptimized -Db_sanitize=address,undefined || return
	part "unit and embedder, ASan and UBSan" '' meson_test "$builds/asan" --no-suite fault
}

do_tsan() {
	build tsan "TSan" gcc -Dbuildtype=debugoptimized -Db_sanitize=thread || return
	part "embedder's threads, TSan" '' meson_test "$builds/tsan" embed-threads
}

do_valgrind() {
	need_debug || return
	part "unit tests of pure code, valgrind" '' sh tests/valgrind.sh "$builds/gcc-debug"
}

# What the pure code costs, without noise. By valgrind, whoever starts it.
do_counts() {
	need_gcc && part "instructions of the pure code" '' python3 -B tests/counts/counts.py "$gcc"
}

# Counts are added up in files beside the objects, by every process that ends, whoever runs it: all may
# write there, and the build is a fresh one, where every user can go. The long suites are left out: they
# take as long as all the rest, and move the figure by next to nothing.
do_coverage() {
	need_gcc || return # for $place
	(
		cover=$scratch/coverage
		umask 0
		export GCOV_ERROR_FILE="$scratch/gcov"
		: >"$GCOV_ERROR_FILE"
		part "build: gcc, for coverage" '' compile "$cover" gcc -Dbuildtype=debug -Db_coverage=true \
			-Dc_args=-fprofile-update=atomic || return
		part "unit, embedder, fault, for coverage" '' meson_test "$cover" --no-suite long
		for test in caller process; do
			for_users "embedder: $test, for coverage" "$cover/tests/embed/embed-$test"
		done
		for_users "live: command line, for coverage" python3 -B tests/live/cli_run.py \
			--nucleus "$cover/cli/nucleus"
		[ "$users" = user ] || part "sandboxes with groups, for coverage" root \
			"$cover/tests/limits/limits-groups" loop 20 limits.cgroup=true
		part "line coverage of lib/" '' python3 -B tests/coverage.py "$cover"
	)
}

do_abi() {
	need_gcc && part "ABI, headers, installation" '' sh tests/abi/run.sh "$gcc"
	need_debug && part "ABI compared, abidiff" '' sh tests/abi/diff.sh "$builds/gcc-debug"
}

do_dist() {
	need_gcc || return
	part "meson dist, built and tested elsewhere" '' sh tests/dist.sh "$gcc"
}

do_embed() {
	need_gcc || return
	for test in "$gcc"/tests/embed/embed-*; do
		[ -f "$test" ] || continue
		test=${test##*/}
		for_users "embedder: ${test#embed-}" "build-tests/gcc/tests/embed/$test"
	done
	for_users "examples in C" python3 -B tests/examples/c_test.py build-tests/gcc/tests/examples
}

do_fault() {
	need_gcc || return
	for test in kill steps; do
		for_users "fault: $test" build-tests/gcc/tests/fault/fault-$test
	done
}

# Many sandboxes, eight at a time, of which nothing is left. Control groups with limits: see vm.
do_loop() {
	need_gcc || return
	loop=build-tests/gcc/tests/limits/limits-groups
	[ "$users" = user ] || part "2,000 sandboxes with groups" root by root $loop loop 2000 limits.cgroup=true
	part "2,000 sandboxes" user by user $loop loop 2000
}

# The bindings, from the source tree: the interpreter, pytest and mypy of the system.
do_python() {
	need_gcc || return
	mkdir -m 1777 "$scratch/tmp"
	for_users "python" env TMPDIR="$scratch/tmp" PATH="$place/build-tests/gcc/cli:$PATH" \
		NUCLEUS_LIBRARY="$place/build-tests/gcc/lib/libnucleus.so.0" \
		python3 -B -m pytest -p no:cacheprovider -q tests/python
}

# Cases that are not for one user ("n/a") must be among the other's.
all_tried() {
	untried=$(sed -n 's/^n\/a *\([^ ]* [^ ]*\) .*/\1/p' "$@" | sort -u | while read -r name; do
		grep -qhF "ok   $name " "$@" || echo "FAILED: nobody has tried $name"
	done)
	[ -z "$untried" ] || { echo "$untried"; return 1; }
}

do_live() {
	need_gcc || return
	# By one, before both look.
	part "profiles of Docker, containers-common" '' python3 -B tests/profiles.py || return
	for_users "live" python3 -B tests/live/run.py --nucleus build-tests/gcc/cli/nucleus
	[ -n "${NUCLEUS_ALLOW_PARTIAL-}" ] ||
		part "live: all was tried by somebody" '' all_tried "$scratch"/log/live-root "$scratch"/log/live-user
	for_users "live: command line" python3 -B tests/live/cli_run.py \
		--nucleus build-tests/gcc/cli/nucleus
}

do_attack() {
	need_gcc || return
	for_users "attack" python3 -B tests/attack/run.py --nucleus build-tests/gcc/cli/nucleus
	for how in prepared again; do
		for_users "attack, $how" python3 -B tests/attack/run.py --$how \
			--nucleus build-tests/gcc/cli/nucleus
	done
}

do_programs() {
	need_gcc || return
	for_users "real programs under the seccomp filter" bash tests/live/seccomp_programs.sh \
		--nucleus build-tests/gcc/cli/nucleus
}

# Other kernels. Each of its suites is a row.
do_vm() {
	need_gcc || return
	part "setup for virtual machines" '' sh tests/setup-debian.sh vm || return
	part_of_rows "virtual machines" by "${users%% *}" python3 -B tests/vm/suites.py \
		--directory build-tests/gcc
}

do_fuzz() {
	build fuzz "fuzzers" clang -Dfuzz=true -Db_sanitize=address,undefined -Db_lundef=false \
		-Dc_args=-fsanitize=fuzzer-no-link || return
	# Each is one thread: all at once.
	for fuzzer in "$builds"/fuzz/tests/fuzz/fuzz-*; do
		[ ! -f "$fuzzer" ] || fuzz "$fuzzer" &
	done
	wait
}
fuzz() {
	name=${1##*/fuzz-}
	# New inputs go to the first directory: not into the sources.
	mkdir -p "$builds/corpus-$name"
	part "fuzzing: $name, ${FUZZ_SECONDS:-60} s" '' "$1" -max_len=4096 -close_fd_mask=1 \
		-print_final_stats=1 -max_total_time="${FUZZ_SECONDS:-60}" \
		-artifact_prefix="$builds/crash-$name-" "$builds/corpus-$name" "tests/fuzz/corpus/$name"
}

# In turns: it builds, and both in the same place.
do_quickstart() {
	need_gcc || return
	for u in $users; do
		part "examples/quickstart.sh" "$u" by "$u" sh examples/quickstart.sh
	done
}

begin=$(date +%s)
for w in $wanted; do
	rows=$(wc -l <"$scratch/table")
	"do_$w"
	ran "$w" "$rows"
done
[ "$users" != user ] || [ -n "${NUCLEUS_ALLOW_PARTIAL-}" ] || row "as root: needs root" '' here 0 1 0
summary $(($(date +%s) - begin))
