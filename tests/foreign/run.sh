#!/bin/sh
# Tests the sockets with a WebSocket client that this project did not write, against the host with its stand-ins.
# Wants target/release/host, and what `host build` makes.
set -eu
cd "$(dirname "$0")"
environment=../../target/foreign
if ! cmp -s requirements.txt "$environment/requirements.txt"; then
	python3 -m venv --clear "$environment"
	"$environment/bin/pip" install --quiet --disable-pip-version-check --requirement requirements.txt
	cp requirements.txt "$environment"
fi
exec "$environment/bin/python" -B sockets.py
