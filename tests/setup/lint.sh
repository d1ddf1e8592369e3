#!/bin/sh
# Formatting and lints. cargo-deny is run where it is installed and never built here: it takes minutes,
# and licences, bans and sources are checked by tests/tidy from the same deny.toml in any case.
set -eu
. tests/setup/steps.sh

if cargo fmt --version >/dev/null 2>&1; then
    step "formatting" cargo fmt --all --check
else
    skip "formatting" "rustup component add rustfmt"
fi
if cargo clippy --version >/dev/null 2>&1; then
    step "clippy, warnings are errors" cargo clippy --workspace --all-targets --locked --quiet -- -D warnings
else
    skip "clippy" "rustup component add clippy"
fi
if cargo deny --version >/dev/null 2>&1; then
    step "licences, bans, sources (cargo deny)" cargo deny --log-level error check licenses bans sources
else
    skip "cargo deny" "not installed; tests/tidy checks licences, bans and sources"
fi
finish "lint"
