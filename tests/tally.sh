# SPDX-License-Identifier: MIT
# How tests/run.sh counts: sourced by it, with $scratch set to a directory of its own. Each thing that
# ran is a row of $scratch/table: what, as whom, where, passed, failed, seconds; between them tabs.

mkdir -p "$scratch/log"
: >"$scratch/table"
: >"$scratch/notes"

# count LOG: "PASSED FAILED", the sums of what a log says. What was skipped has failed: by meson, by
# Python's unittest, by pytest, or where nothing was there to be run.
count() {
	awk '
		# pytest; before ours, whose words it has
		/^(=+ )?[0-9]+ [a-z]+(, [0-9]+ [a-z]+)* in [0-9.]+s( \([0-9:]+\))?( =+)?$/ {
			sub(/^=+ /, "")
			sub(/ in [0-9.]+s.*/, "")
			n = split($0, said, /, /)
			ran = 0
			for (i = 1; i <= n; i++) {
				split(said[i], w, " ")
				if (w[2] ~ /^warnings?$/)
					continue
				ran += w[1]
				if (w[2] == "passed")
					p += w[1]
				else
					f += w[1]
			}
			f += ran == 0
			next
		}
		/^(=+ )?no tests ran in [0-9.]+s/ { f++ }
		# our own suites
		/^([A-Za-z_-]+: )?[0-9]+ passed, [0-9]+ failed/ {
			sub(/^[A-Za-z_-]+: /, "")
			p += $1
			f += $3
		}
		# Check
		/Checks: [0-9]+, Failures: [0-9]+, Errors: [0-9]+/ {
			sub(/.*Checks: /, "")
			gsub(/[^0-9]+/, " ")
			p += $1 - $2 - $3
			f += $2 + $3 + ($1 == 0)
		}
		# meson
		/^Skipped: +[0-9]+/ { f += $2 }
		/^Expected Fail: +[0-9]+/ { f += $3 }
		/^No (suitable )?tests defined/ { f++ }
		# unittest
		/^(OK|FAILED) \(.*(skipped|expected failures)=/ {
			gsub(/unexpected/, "")
			while (match($0, /(skipped|expected failures)=[0-9]+/)) {
				n = substr($0, RSTART, RLENGTH)
				$0 = substr($0, RSTART + RLENGTH)
				sub(/.*=/, "", n)
				f += n
			}
		}
		/^Ran 0 tests in / { f++ }
		END { print p + 0, f + 0 }' "$1"
}

# row WHAT WHO WHERE PASSED FAILED SECONDS
row() {
	printf '%s\t%s\t%s\t%d\t%d\t%d\n' "$@" >>"$scratch/table"
}

# Shows why something failed: at once, and what is most telling of it once more in the end, which is all that
# some readers get to see.
report() {
	{
		echo "---- failed with $1: $2"
		grep -n -i -E '(^|[^a-z])(fail|failed|error|fatal|warning)([^a-z]|$)|:[FE]:' "$3" | head -n 60
	} >"$3.report"
	{
		head -n 1 "$3.report"
		grep -E ':[FE]:|(^|[0-9]:)(FAILED|FAIL|E  )' "$3.report" || sed 1d "$3.report"
	} | head -n 13 >"$3.why"
	{
		echo "---- and at its end"
		tail -n 40 "$3"
		echo "----"
	} >>"$3.report"
	cat "$3.report" # at once: others may be running
}

# part WHAT WHO COMMAND...: runs it, and adds a row. What exits with 0 and counts nothing has passed one
# test; what exits otherwise has failed at least one. Lines "note: ..." of its output are shown in the end.
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
	[ "$f" -eq 0 ] || report $status "$what $who" "$log"
	sed -n 's/^note: //p' "$log" >>"$scratch/notes"
	row "$what" "$who" here "$p" "$f" $(($(date +%s) - start))
	[ "$f" -eq 0 ]
}

# part_of_rows WHAT COMMAND...: a suite that counts for itself, by lines "row" and six fields as above.
# It is a failure of its own if it ends with another status than 0, or says nothing, or nonsense.
part_of_rows() {
	what=$1 start=$(date +%s)
	shift
	log=$scratch/log/$(printf '%s' "$what" | tr -c 'a-z0-9' -)
	printf '%s  %s\n' "$(date +%T)" "$what"
	"$@" >"$log" 2>&1 </dev/null
	status=$?
	sed -n 's/^row\t//p' "$log" >"$scratch/rows"
	awk -F '\t' 'NF != 6 || $4 $5 $6 !~ /^[0-9]+$/ || $4 == "" || $5 == "" || $6 == "" || $4 + $5 == 0 {
			bad = 1; next } { print }
		END { exit bad || !NR }' "$scratch/rows" >>"$scratch/table" || status="$status, and rows that say nothing"
	[ "$status" = 0 ] || row "$what" '' here 0 1 $(($(date +%s) - start))
	f=$(awk -F '\t' '{ f += $5 } END { print f + 0 }' "$scratch/rows")
	[ "$status" = 0 ] && [ "$f" -eq 0 ] || report "$status" "$what" "$log"
	[ "$status" = 0 ] && [ "$f" -eq 0 ]
}

# ran PART ROWS: holds that there is more than builds in the table since it had so many rows.
ran() {
	tail -n +$(($2 + 1)) "$scratch/table" | grep -qv '^build: ' || row "$1: nothing was run" '' here 0 1 0
}

# summary SECONDS: the table, what was noted, what failed and why, and the line that sums up; fails if anything has.
summary() {
	echo
	awk -F '\t' -v seconds="$1" '
		function line(a, b, c, d, e, g) { printf "%-46s %-5s %-6s %7s %7s %8s\n", a, b, c, d, e, g }
		BEGIN { line("what", "as", "where", "passed", "failed", "time") }
		{ line($1, $2, $3, $4, $5, $6 " s"); p += $4; f += $5 }
		END { line("all", "", "", p + 0, f + 0, seconds " s") }' "$scratch/table"
	[ ! -s "$scratch/notes" ] || { echo && cat "$scratch/notes"; }
	echo
	for why in "$scratch"/log/*.why; do
		[ ! -f "$why" ] || cut -c 1-200 "$why"
	done
	awk -F '\t' '{ p += $4; f += $5 }
		END { printf "%d passed, %d failed\n", p, f; exit f > 0 || p == 0 }' "$scratch/table"
}
