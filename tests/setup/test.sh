#!/bin/sh
# Everything that must hold, in the order in which a failure is cheapest to hear of.
# Every step selects from the whole workspace: a package alone has other features, and would be built a second time.
set -eu
. tests/setup/steps.sh

built=${CARGO_TARGET_DIR:-target}/debug
journeys=$(cd tests/tests && for entry in *; do echo "--test ${entry%.rs}"; done)

step "house rules, licences, bans, sources (tests/tidy)" cargo test --quiet --locked -p tidy
step "formatting and lints" sh tests/setup/lint.sh
# This also builds the binary that the journeys run, and the example that x/mod reads from.
step "every crate's tests" \
    cargo test --quiet --locked --workspace --exclude tidy --exclude tests --exclude simulation
step "tiles, checkpoints and proofs, read by Go's x/mod" \
    env COUNTERFOIL_TILES="$built/examples/tiles" tests/xmod/run
step "the simulation's auditor, against worked values" cargo test --quiet --locked --workspace --lib auditor::
step "simulation: crashes, lies, every sync removed in turn" \
    cargo test --locked --workspace --test simulation
export COUNTERFOIL_JOURNEYS=full
export COUNTERFOIL_KILL_ROUNDS="${COUNTERFOIL_KILL_ROUNDS:-20}"
# shellcheck disable=SC2086
step "journeys against the real binary: kill -9, failed disks, damage, doors, real input" \
    cargo test --locked --workspace $journeys -- --nocapture
finish "test"
