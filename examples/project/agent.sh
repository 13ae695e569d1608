#!/bin/sh
# SPDX-License-Identifier: MIT
# The agent's job: read the history, run the tests, build and run a program, commit.
set -eu
did() { printf '  %-27s %s\n' "$1" "$2"; }

did "git log" "$(git rev-list --count HEAD) commits, the last: $(git log -1 --format=%s)"
did "python3 -m unittest" "$(python3 -m unittest 2>&1 | sed -n 's/ in .*/, all passed/p')"
make -s wordcount
did "make wordcount" "$(wc -c <wordcount) bytes"
did "./wordcount <README.md" "$(./wordcount <README.md) words"
git -c user.name=agent -c user.email=agent@sandbox commit -q --allow-empty -m "Checked"
did "git commit" "$(git log -1 --format='%h %s, by %an')"
