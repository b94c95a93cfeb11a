#!/usr/bin/env bash
# inside.sh PROGRAM ARGUMENT...: runs a program in the chroot that toolchain.sh made (SWIFT_TOOLCHAIN), as root, with
# this clone's clients as /clients and its target/swift as /build. The mounts end with it.
set -euo pipefail
cd "$(dirname "$0")/../.."
mkdir -p target/swift
# shellcheck disable=SC2016
exec unshare --mount bash -c '
	set -e
	mount -t proc proc "$SWIFT_TOOLCHAIN/proc" # its programs find their libraries through /proc/self/exe
	mount --bind clients "$SWIFT_TOOLCHAIN/clients"
	mount --bind target/swift "$SWIFT_TOOLCHAIN/build"
	exec env -i HOME=/root PATH=/usr/bin CONFORMANCE="${CONFORMANCE:-}" ANSWERS="${ANSWERS:-}" /usr/sbin/chroot "$SWIFT_TOOLCHAIN" "$@"
' - "$@"
