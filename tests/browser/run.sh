#!/bin/sh
# Runs the page's tests in Debian's Chromium against the host with its stand-ins.
# Wants target/release/host, and what `host build` makes.
set -eu
cd "$(dirname "$0")"
if ! [ -x "${CHROMIUM:-/usr/bin/chromium}" ]; then
	apt-get update
	apt-get install --yes --no-install-recommends chromium fonts-dejavu-core
fi
npm ci --no-audit --no-fund
exec npm test
