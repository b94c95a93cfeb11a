#!/bin/sh
# Runs the page's tests in Debian's Chromium against target/release/host with its stand-ins. Installs
# what is missing, as root; builds the host if it is missing, and the components if they are stale.
set -eu
cd "$(dirname "$0")"
missing=
[ -x "${CHROMIUM:-/usr/bin/chromium}" ] || missing='chromium fonts-dejavu-core'
command -v npm >/dev/null || missing="$missing nodejs npm"
if [ -n "$missing" ]; then
	apt-get update
	# shellcheck disable=SC2086
	apt-get install --yes --no-install-recommends $missing
fi
(
	cd ../..
	[ -x target/release/host ] || cargo build --release
	target/release/host build
)
npm ci --no-audit --no-fund
exec npm test
