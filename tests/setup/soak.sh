#!/bin/sh
# An hour of simulated crashes from fresh seeds, then kill -9 in a loop against the real binary.
# The seed of any failure is printed; the same seed gives the same run.
set -eu
. tests/setup/steps.sh

export COUNTERFOIL_SOAK_SECONDS="${COUNTERFOIL_SOAK_SECONDS:-3600}"
export COUNTERFOIL_KILL_ROUNDS="${COUNTERFOIL_KILL_ROUNDS:-150}"

step "building" cargo build --quiet --release --locked -p counterfoil
step "simulation, $COUNTERFOIL_SOAK_SECONDS s" \
    cargo test --release --locked -p simulation -- --nocapture
step "kill -9, $COUNTERFOIL_KILL_ROUNDS rounds" \
    cargo test --release --locked -p tests --test kill -- --nocapture
step "EIO and ENOSPC in each of the first 200 writes and syncs" \
    env COUNTERFOIL_FAULT_STRIDE=1 cargo test --release --locked -p tests --test faults -- --nocapture
finish "soak"
