#!/bin/sh
# SPDX-License-Identifier: MIT
# sh benches/apart.sh DIR COMMAND...: runs COMMAND. As root with another null device, made in DIR in a mount namespace
# of its own: crun and runsc give what they have as standard input to the container's user, and that were the whole
# machine's.
set -eu
dir=$1
shift
[ "$(id -u)" = 0 ] || exec "$@"
exec unshare --mount sh -euc 'mount -t tmpfs -o size=64k,mode=755 none "$0"
	mknod -m 666 "$0/null" c 1 3
	mount --bind "$0/null" /dev/null
	exec "$@"' "$dir" "$@"
