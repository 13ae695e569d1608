#!/bin/sh
# SPDX-License-Identifier: MIT
# From nothing to a real job in a strict sandbox: installs what is missing (Debian, as root), builds,
# makes a project, lets an agent work in it, and shows what the agent was refused.
set -eu
cd "$(dirname "$0")/.."

stop() {
	printf '\nquickstart: %s\n' "$1" >&2
	exit 1
}

sh tests/setup-debian.sh build
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM

# Someone else's clone, or one whose build belongs to root: build beside it.
build=$PWD/build
[ -w . ] && [ -w "${build%/build}" ] && { [ ! -e "$build" ] || [ -w "$build" ]; } ||
	build=$scratch/build
printf 'Building libnucleus in %s ... ' "$build"
{
	{ [ -f "$build/build.ninja" ] || meson setup -Dtests=false "$build"; } && ninja -C "$build"
} >"$scratch/build.log" 2>&1 || {
	tail -n 30 "$scratch/build.log"
	stop "the build failed"
}
nucleus=$build/cli/nucleus
printf '%s\n\n' "$("$nucleus" version)"

# A project with a history, that belongs to whoever runs this.
project=$scratch/project
git_() { git -C "$project" -c user.name=you -c user.email=you@example.org "$@"; }
cp -R examples/project "$project"
git_ init -q -b main
git_ add README.md agent.sh misbehave.py && git_ commit -qm "Say what is wanted"
git_ add textstat tests && git_ commit -qm "Add figures about texts"
git_ add . && git_ commit -qm "Count words in C"

sandbox() {
	"$nucleus" run --mode strict-agent --workspace "$project" --workspace-exec --timeout 2m -- "$@"
}

echo "An agent's job in $project,"
echo "by nucleus run --mode strict-agent --workspace ... --workspace-exec -- sh agent.sh:"
sandbox sh agent.sh >"$scratch/job" || stop "the job failed"
cat "$scratch/job"
words=$(wc -w <"$project/README.md")
for expected in '3 commits' 'Ran 5 tests, all passed' "wordcount <README.md  *$words words" \
	'Checked, by agent'; do
	grep -q "$expected" "$scratch/job" || stop "the job did not do what it should: '$expected'"
done
[ "$(git_ rev-list --count HEAD)" = 4 ] || stop "the agent's commit did not arrive"
[ -O "$project/wordcount" ] || stop "what the agent built does not belong to you"

echo
echo "What misbehave.py tried, in the same sandbox:"
sandbox python3 misbehave.py $$ || stop "something was not refused"

echo
echo "All is as it should be. The next command: sh tests/run.sh"
