#!/bin/sh
# Clients that this project did not write, against the host with its stand-ins: Python's `websockets`, the published
# TypeScript SDK, an `EventSource`, and tools that read the OpenAPI description.
# Wants target/release/host, and what `host build` makes.
set -eu
cd "$(dirname "$0")"
environment=../../target/foreign
if ! cmp -s requirements.txt "$environment/requirements.txt"; then
	python3 -m venv --clear "$environment"
	"$environment/bin/pip" install --quiet --disable-pip-version-check --requirement requirements.txt
	cp requirements.txt "$environment"
fi
"$environment/bin/python" -B sockets.py
npm ci --ignore-scripts --no-audit --no-fund
exec npm test
