#!/bin/sh
# Builds what is measured and runs the comparison; the report is printed and kept in target/bench.
# COUNTERFOIL_BENCH_WORK names the folder on the disk that is measured, if not /var/tmp.
set -eu
. tests/setup/steps.sh

step "building the ledger and the bench (release)" \
    cargo build --quiet --release --locked -p counterfoil -p bench

work=$(mktemp -d "${COUNTERFOIL_BENCH_WORK:-/var/tmp}/counterfoil-bench.XXXXXX")
chmod 755 "$work" # PostgreSQL runs as another user when we are root

# The cluster outlives a bench that is interrupted; nothing else does.
clean_up() {
    trap - EXIT INT TERM
    if [ -e "$work/run/pg/data/postmaster.pid" ]; then
        kill -INT "$(head -n 1 "$work/run/pg/data/postmaster.pid")" 2>/dev/null || true
    fi
    rm -rf "$work"
}
trap clean_up EXIT
trap 'clean_up; exit 130' INT TERM

target/release/bench all --out target/bench --work "$work/run" "$@"
