#!/bin/sh
# Everything that must hold, in the order in which a failure is cheapest to hear of.
set -eu
. tests/setup/steps.sh

# Debian's Go and x/mod for the checks that are not ours, whatever other Go is on the PATH.
export COUNTERFOIL_TEST_GO=/usr/bin/go GO111MODULE=off GOPATH=/usr/share/gocode GOFLAGS=
GOCACHE=${GOCACHE:-$PWD/target/gocache}
export GOCACHE

step "house rules, licences, bans, sources (tests/tidy)" cargo test --quiet --locked -p tidy
step "formatting and lints" sh tests/setup/lint.sh
step "every crate's tests" cargo test --quiet --locked --workspace --exclude tidy --exclude tests
step "the binary that the journeys run" cargo build --quiet --locked -p counterfoil
step "journeys, scenarios, simulation, proofs" cargo test --quiet --locked -p tests
finish "test"
