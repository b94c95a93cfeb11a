#!/usr/bin/env bash
# Runs the Swift client's tests: its parts, the conformance scenarios, and the decoders of the shipped apps over what
# target/release/host answers (if that has been built). With the Swift 6 that is installed, or else with Debian's, kept
# in the user's cache: that takes root, and a Debian mirror. Where it cannot be had the tests are skipped, unless
# SWIFT_TESTS=required.
set -euo pipefail
cd "$(dirname "$0")/../.."
toolchain=${SWIFT_TOOLCHAIN:-${XDG_CACHE_HOME:-$HOME/.cache}/bookstrack/swift-6.0}

skip() {
	echo "skipped: $1"
	[ "${SWIFT_TESTS:-}" != required ]
	exit
}

# Swift in the chroot, with mounts that end with it.
chrooted() {
	# shellcheck disable=SC2016
	unshare --mount bash -c '
		set -e
		toolchain=$1 variables=$2
		shift 2
		mount -t proc proc "$toolchain/proc" # its programs find their libraries through /proc/self/exe
		mount --bind clients "$toolchain/clients"
		mount --bind tests "$toolchain/tests"
		mkdir -p target/swift
		mount --bind target/swift "$toolchain/build"
		# shellcheck disable=SC2086
		exec env -i HOME=/root PATH=/usr/bin $variables /usr/sbin/chroot "$toolchain" swift "$@" --package-path /clients/swift --scratch-path /build
	' - "$toolchain" "$@"
}

command -v node >/dev/null || skip "Node 20, which plays the scenarios, is not installed"
if [ "$(swift --version 2>/dev/null | grep -cE 'version (6|[7-9])')" != 0 ]; then
	run() { env $1 swift "${@:2}" --package-path clients/swift --scratch-path target/swift; }
else
	[ "$(uname -s)" = Linux ] && command -v apt-get >/dev/null || skip "no Swift 6, and no Debian to take it from"
	[ "$(id -u)" = 0 ] && unshare --mount true 2>/dev/null || skip "no Swift 6, and only root can make the chroot for Debian's"
	mkdir -p "$(dirname "$toolchain")"
	tests/swift/toolchain.sh "$toolchain" || skip "Swift could not be loaded"
	run() { chrooted "$@"; }
fi

trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
coproc PLAYER { exec node clients/conformance/server.mjs; }
read -r conformance <&"${PLAYER[0]}"
run "CONFORMANCE=$conformance" test
