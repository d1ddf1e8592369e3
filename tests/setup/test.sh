#!/bin/sh
# Everything that must hold, in the order in which a failure is cheapest to hear of.
set -eu
. tests/setup/steps.sh

step "house rules, licences, bans, sources (tests/tidy)" cargo test --quiet --locked -p tidy
step "formatting and lints" sh tests/setup/lint.sh
step "every crate's tests" \
    cargo test --quiet --locked --workspace --exclude tidy --exclude tests --exclude simulation
step "tiles, checkpoints and proofs, read by Go's x/mod" tests/xmod/run
step "simulation: crashes, lies, every sync removed in turn" cargo test --locked -p simulation
step "the binary that the journeys run" cargo build --quiet --locked -p counterfoil
export COUNTERFOIL_JOURNEYS=full
export COUNTERFOIL_KILL_ROUNDS="${COUNTERFOIL_KILL_ROUNDS:-20}"
step "journeys against the real binary: kill -9, failed disks, damage, doors, real input" \
    cargo test --locked -p tests -- --nocapture
finish "test"
