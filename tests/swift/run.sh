#!/usr/bin/env bash
# Runs the Swift client's tests: its parts and the conformance scenarios, and, if target/release/host and the components
# have been built, the decoders of the shipped apps over what the application answers, and an import on a line that is
# cut again and again. With the Swift 6 that is installed, or else with Debian's, kept in the user's cache: that takes
# root and a Debian mirror. Where it cannot be had this is skipped, unless SWIFT_TESTS=required.
set -euo pipefail
cd "$(dirname "$0")/../.."
export SWIFT_TOOLCHAIN=${SWIFT_TOOLCHAIN:-${XDG_CACHE_HOME:-$HOME/.cache}/bookstrack/swift-6.0}

skip() {
	echo "skipped: $1"
	[ "${SWIFT_TESTS:-}" != required ]
	exit
}

command -v node >/dev/null || skip "Node 20, which plays the scenarios, is not installed"
mkdir -p target/swift
if [ "$(swift --version 2>/dev/null | grep -cE 'version (6|[7-9])')" != 0 ]; then
	inside=() build=$PWD/target/swift package=clients/swift
else
	[ "$(uname -s)" = Linux ] && command -v apt-get >/dev/null || skip "no Swift 6, and no Debian to take it from"
	[ "$(id -u)" = 0 ] && unshare --mount true 2>/dev/null || skip "no Swift 6, and only root can make the chroot for Debian's"
	mkdir -p "$(dirname "$SWIFT_TOOLCHAIN")"
	tests/swift/toolchain.sh "$SWIFT_TOOLCHAIN" || skip "Swift could not be loaded"
	inside=(tests/swift/inside.sh) build=/build package=/clients/swift
fi

trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
coproc PLAYER { exec node clients/conformance/server.mjs; }
read -r CONFORMANCE <&"${PLAYER[0]}"
export CONFORMANCE
if [ -x "${BOOKSTRACK_HOST:-target/release/host}" ]; then
	node --experimental-websocket tests/swift/answers.mjs target/swift/answers.json
	export ANSWERS=$build/answers.json
fi
"${inside[@]}" swift test --package-path "$package" --scratch-path "$build"

if [ -x "${BOOKSTRACK_HOST:-target/release/host}" ]; then
	DISRUPTION_DIR=target/swift DISRUPTION_SEEN=$build node clients/conformance/disruption.mjs swift \
		"${inside[@]}" "$build/debug/bookstrack-example"
fi
