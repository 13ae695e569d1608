#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs a command in a virtual machine that has its own kernel and sees this machine's files:
#
#   sh tests/vm/vm.sh [--kernel old|new] [--systemd] [--user root|user] [--env NAME=VALUE]... -- COMMAND...
#   sh tests/vm/vm.sh --prepare     fetches the kernels and makes the snapshots beforehand
#
# README.md beside this file has the rest.
exec python3 -B "$(dirname "$0")/machine.py" "$@"
