#!/bin/sh
# Builds what is measured and runs the comparison; the report is printed and kept in target/bench.
set -eu
. tests/setup/steps.sh

step "building the ledger and the bench (release)" \
    cargo build --quiet --release --locked -p counterfoil -p bench
exec target/release/bench all --out target/bench "$@"
