#!/bin/sh
# SPDX-License-Identifier: MIT
# Sees to it that this Debian machine has what the project needs, and installs what is missing:
#
#   sh tests/setup-debian.sh build    to build, and to run examples/quickstart.sh
#   sh tests/setup-debian.sh test     also to run every test (brings PostgreSQL)
#   sh tests/setup-debian.sh bench    also to run the benchmarks: what we are measured against
#   sh tests/setup-debian.sh vm       for the test machine of tests/vm; its guests use what is there
#
# This is the one place that names packages. Silent when nothing is missing.
set -eu

# PACKAGE, or PACKAGE=FILE where the file is enough, whichever package brought it.
build='gcc libc6-dev meson ninja-build pkg-config libseccomp-dev libsodium-dev libjansson-dev scdoc
	python3=/usr/bin/python3 git make=/usr/bin/make'
# The tools of the tests, then the real programs that are run in sandboxes.
test='check g++ clang clang-tidy cppcheck libclang-rt-14-dev valgrind gcovr abigail-tools=/usr/bin/abidiff
	man-db=/usr/bin/man
	python3-seccomp
	python3-pytest mypy python3-setuptools python3-wheel python3-pip
	bubblewrap busybox-static=/bin/busybox nodejs=/usr/bin/node npm=/usr/bin/npm
	postgresql=/usr/lib/postgresql/15/bin/initdb perl=/usr/bin/perl patch=/usr/bin/patch
	xz-utils=/usr/bin/xz procps=/usr/bin/ps util-linux=/usr/bin/setpriv'
# No daemon of these is to be running: they are started by the benches.
bench='crun runc=/usr/sbin/runc firejail podman runsc redis-server redis-tools
	libpython3.11-testsuite'
# Kernels and systemd are fetched by tests/vm itself, seccomp profiles by tests/profiles.py, and not
# installed.
vm='qemu-system-x86=/usr/bin/qemu-system-x86_64 kmod=/sbin/depmod e2fsprogs=/sbin/mke2fs
	debian-archive-keyring gcc libc6-dev python3=/usr/bin/python3 iproute2=/sbin/ip
	util-linux=/usr/bin/setpriv'

case ${1-} in
build) wanted=$build ;;
test) wanted="$build $test" ;;
bench) wanted="$build $test $bench $vm" ;;
vm) wanted=$vm ;;
*)
	echo "usage: sh tests/setup-debian.sh build|test|bench|vm" >&2
	exit 2
	;;
esac

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
	echo "setup: not a Debian system: please install by hand what corresponds to:" $wanted >&2
	exit 1
fi

missing=
for w in $wanted; do
	package=${w%%=*}
	case $w in
	*=*) [ -e "${w#*=}" ] && continue ;;
	esac
	dpkg-query -W -f='${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed ||
		missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" != 0 ]; then
	echo "setup: packages are missing; install them as root, then try again:" >&2
	echo "  apt-get install$missing" >&2
	exit 1
fi

echo "setup: installing$missing" >&2
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
trap 'rm -f "$log"' EXIT
install() {
	apt-get install -qq -y --no-install-recommends $missing >"$log" 2>&1 </dev/null
}
# A machine whose package lists are missing or old learns new ones.
install || { apt-get update -qq >"$log" 2>&1 && install; } || {
	tail -n 20 "$log" >&2
	echo "setup: apt-get could not install$missing" >&2
	exit 1
}
