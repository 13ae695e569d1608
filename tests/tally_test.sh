#!/bin/sh
# SPDX-License-Identifier: MIT
# sh tests/tally_test.sh: holds what tests/tally.sh makes of logs, as our tools write them, against
# counts made by hand: above all that what was skipped, or never ran, has failed.
set -u
cd "$(dirname "$0")/.." || exit 2
scratch=$(mktemp -d) || exit 2
trap 'rm -rf "$scratch"' EXIT
. tests/tally.sh
good=0 bad=0

same() {
	if [ "$2" = "$3" ]; then
		good=$((good + 1))
	else
		bad=$((bad + 1))
		printf 'FAILED: %s: wanted "%s", got "%s"\n' "$1" "$2" "$3"
	fi
}

# counts WHAT "PASSED FAILED" <LOG
counts() {
	cat >"$scratch/sample"
	same "$1" "$2" "$(count "$scratch/sample")"
}

# ---- logs ----------------------------------------------------------------------------------------------

counts "an empty log" "0 0" </dev/null
counts "our suites, with and without a name" "45 2" <<'E'
ok   strict-agent Life.test_one (0.1 s)
3 passed, 0 failed
json: 42 passed, 2 failed in 3 s
E
counts "words that only look like it" "0 0" <<'E'
there were 3 passed, 4 failed
10 passed
E
counts "Check" "11 3" <<'E'
Running suite(s): toml
100%: Checks: 8, Failures: 0, Errors: 0
50%: Checks: 6, Failures: 2, Errors: 1
E
counts "Check that ran nothing" "0 1" <<'E'
100%: Checks: 0, Failures: 0, Errors: 0
E
counts "meson, all well" "0 0" <<'E'
1/1 nucleus:unit / base        OK               0.14s

Ok:                 1
Expected Fail:      0
Fail:               0
Unexpected Pass:    0
Skipped:            0
Timeout:            0
E
counts "meson, skipped (exit status 77), and failures that are expected" "0 5" <<'E'
1/3 nucleus:unit / base        SKIP             0.14s   exit status 77

Ok:                 1
Expected Fail:      3
Skipped:            2
E
counts "meson without tests" "0 1" <<'E'
No tests defined.
E
counts "meson without tests of that suite" "0 1" <<'E'
No suitable tests defined.
E
counts "unittest" "0 0" <<'E'
Ran 12 tests in 0.004s

OK
E
counts "unittest, skipped" "0 3" <<'E'
Ran 12 tests in 0.004s

OK (skipped=3)
E
counts "unittest, with all there is" "0 5" <<'E'
FAILED (failures=1, errors=6, skipped=3, expected failures=2, unexpected successes=9)
E
counts "unittest that ran nothing" "0 1" <<'E'
Ran 0 tests in 0.000s

OK
E
counts "pytest" "12 0" <<'E'
............                                                             [100%]
12 passed in 4.05s
E
counts "pytest, with all there is" "12 21" <<'E'
1 failed, 12 passed, 2 skipped, 3 deselected, 4 xfailed, 5 xpassed, 9 warnings, 6 errors in 61.05s (0:01:01)
E
counts "pytest, in another order, and not quiet" "12 6" <<'E'
collected 18 items
==== 12 passed, 3 failed, 1 error, 2 skipped in 4s ====
E
counts "pytest that could not collect" "0 1" <<'E'
!!!!!!!!!!!!!!!!!!!! Interrupted: 1 error during collection !!!!!!!!!!!!!!!!!!!!
1 error in 0.12s
E
counts "pytest that ran nothing" "0 1" <<'E'
no tests ran in 0.00s
E
counts "pytest that ran nothing, and warned" "0 1" <<'E'
1 warning in 0.00s
E

# ---- the tools themselves: a sample could be out of date -------------------------------------------------

cat >"$scratch/unit.py" <<'E'
import unittest
class T(unittest.TestCase):
    def test_a(self): pass
    @unittest.skip("why")
    def test_b(self): pass
    @unittest.expectedFailure
    def test_c(self): self.fail()
unittest.main()
E
python3 "$scratch/unit.py" >"$scratch/sample" 2>&1
same "unittest of this machine" "0 2" "$(count "$scratch/sample")"

cat >"$scratch/test_sample.py" <<'E'
import pytest
def test_a(): pass
def test_b(): assert False
@pytest.fixture
def broken(): raise ValueError
def test_c(broken): pass
@pytest.mark.skip
def test_d(): pass
@pytest.mark.xfail
def test_e(): assert False
@pytest.mark.xfail
def test_f(): pass
E
# pytest_is "PASSED FAILED" ARGUMENT...
pytest_is() {
	wanted=$1
	shift
	python3 -B -m pytest -p no:cacheprovider --rootdir "$scratch" "$@" >"$scratch/sample" 2>&1
	same "pytest of this machine: $*" "$wanted" "$(count "$scratch/sample")"
}
pytest_is "1 5" "$scratch/test_sample.py"
pytest_is "1 5" -q "$scratch/test_sample.py"
pytest_is "1 5" -q -k "not test_b" "$scratch/test_sample.py"
pytest_is "0 1" -q "$scratch/no-such-file.py"

mkdir "$scratch/meson"
cat >"$scratch/meson/meson.build" <<'E'
project('skips')
test('well', find_program('true'), suite: 'one')
test('skipped', find_program('sh'), args: ['-c', 'exit 77'], suite: 'one')
test('failing as expected', find_program('false'), should_fail: true, suite: 'one')
E
meson setup "$scratch/meson/build" "$scratch/meson" >/dev/null
meson test -C "$scratch/meson/build" >"$scratch/sample" 2>&1
same "meson of this machine" "0 2" "$(count "$scratch/sample")"
meson test -C "$scratch/meson/build" --no-suite one >"$scratch/sample" 2>&1
same "meson of this machine, without tests" "0 1" "$(count "$scratch/sample")"

# ---- parts and rows -------------------------------------------------------------------------------------

# part_is STATUS "PASSED FAILED" COMMAND...
part_is() {
	: >"$scratch/table"
	wanted="$1 $2"
	shift 2
	part "a part" root "$@" >/dev/null
	same "part: $*" "$wanted" "$? $(cut -f 4,5 "$scratch/table" | tr '\t' ' ')"
}
part_is 0 "1 0" true
part_is 1 "0 1" false
part_is 1 "0 1" sh -c 'exit 77'
part_is 1 "0 1" "$scratch/no-such-program"
part_is 0 "3 0" echo "3 passed, 0 failed"
part_is 1 "3 1" sh -c 'echo "3 passed, 0 failed"; exit 1'
part_is 1 "3 2" echo "3 passed, 2 failed"
part_is 1 "0 2" echo "OK (skipped=2)"
part_is 1 "0 1" sh -c 'kill -KILL $$'

# rows_are STATUS FAILED TEXT [EXIT_STATUS]: FAILED of all rows that come of a suite that prints TEXT
rows_are() {
	: >"$scratch/table"
	part_of_rows "a machine" sh -c 'printf "$1"; exit "$2"' sh "$3" "${4:-0}" >/dev/null
	same "rows: $3 ${4-}" "$1 $2" "$? $(awk -F '\t' '{ f += $5 } END { print f + 0 }' "$scratch/table")"
}
rows_are 0 0 'row\tlive\troot\t6.1\t10\t0\t7\nrow\tlive\tuser\t6.1\t9\t0\t7\n'
rows_are 1 2 'row\tlive\troot\t6.1\t10\t2\t7\n'
rows_are 1 1 'row\tlive\troot\t6.1\t10\t0\t7\n' 3
rows_are 1 3 'row\tlive\troot\t6.1\t10\t2\t7\n' 3
rows_are 1 1 'nothing at all\n'
rows_are 1 1 'row\tlive\troot\t6.1\t\t0\t7\n'
rows_are 1 1 'row\tlive\troot\t6.1\t0\t0\t7\n'
rows_are 1 1 'row\tlive\troot\t6.1\tmany\t0\t7\n'
rows_are 1 1 'row\tlive\troot\t10\t0\t7\n'

: >"$scratch/table"
ran fuzz 0
same "a part without rows" "1" "$(cut -f 5 "$scratch/table")"
row "build: fuzz" '' here 1 0 1
ran fuzz 1
same "a part that only builds" "1" "$(tail -n 1 "$scratch/table" | cut -f 5)"
row "fuzzing" '' here 1 0 1
ran fuzz 3
same "a part that ran" "4" "$(wc -l <"$scratch/table")"

# summary_is STATUS "LAST LINE": of the table as it is
summary_is() {
	summary 9 >"$scratch/sample"
	same "summary" "$1 $2" "$? $(tail -n 1 "$scratch/sample")"
}
summary_is 1 "2 passed, 2 failed"
: >"$scratch/table"
summary_is 1 "0 passed, 0 failed"
rm -f "$scratch"/log/*
row "live" root here 5 0 3
row "live" root 6.1 4 0 3
summary_is 0 "9 passed, 0 failed"

# Why something failed stands right above that line: who is shown the end of the output only is told, too.
part "a check" user sh -c 'echo "a_test.c:5:F:case:test:0: it was wrong"; exit 3' >/dev/null
summary 9 >"$scratch/sample"
same "summary of what failed" '---- failed with 3: a check user
1:a_test.c:5:F:case:test:0: it was wrong
9 passed, 1 failed' "$(tail -n 3 "$scratch/sample")"

echo "$good passed, $bad failed"
[ $bad = 0 ] && [ $good -gt 0 ]
