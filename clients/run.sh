#!/bin/sh
# Everything that must hold of the clients: the TypeScript package checked and tested, the scenarios with the Rust and
# the Swift client, and an import through each while its line is cut and the host killed. Installs Node, as root, if it
# is missing; builds the host if it is missing, and the components if they are stale.
set -eu
cd "$(dirname "$0")/.."
if ! command -v npm >/dev/null; then
	apt-get update
	apt-get install --yes --no-install-recommends nodejs npm
fi
if [ -z "${BOOKSTRACK_HOST:-}" ]; then
	[ -x target/release/host ] || cargo build --release
	target/release/host build
fi
export CONFORMANCE_TABLE="$PWD/target/conformance.jsonl"
rm -f "$CONFORMANCE_TABLE"
(
	cd clients/typescript
	npm ci --no-audit --no-fund
	CONFORMANCE_CLIENT=TypeScript npm test
)
# Without `-p`: with the features that the workspace has been compiled with.
CONFORMANCE_CLIENT=Rust CONFORMANCE_TESTS=required cargo test --release --test conformance
cargo build --release --example import
node clients/conformance/disruption.mjs rust target/release/examples/import
node clients/conformance/disruption.mjs typescript node clients/typescript/examples/import.js
CONFORMANCE_CLIENT=Swift tests/swift/run.sh
node clients/conformance/table.mjs "$CONFORMANCE_TABLE"
