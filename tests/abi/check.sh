# SPDX-License-Identifier: MIT
# Counts what the scripts of this folder check: sourced by them, with $scratch a directory of their own.
passed=0 failed=0

# check WHAT COMMAND...
check() {
	what=$1
	shift
	if "$@" >"$scratch/out" 2>&1; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "FAILED: $what"
		sed 's/^/    /' "$scratch/out" | head -n 60
	fi
}
