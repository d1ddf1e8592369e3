# Counterfoil. Four commands matter: demo, test, bench, soak. Each does its own set-up (as root or with
# passwordless sudo; otherwise it prints the one line to run and stops) and says what it is doing.

export PATH := $(PATH):$(HOME)/.cargo/bin
NEED := sh deploy/setup/need.sh

.PHONY: help demo test bench soak lint tidy fmt

help:
	@echo "make demo    an invented council's ledger, served, filled, asked, broken and verified"
	@echo "make test    everything that must hold (.ci/run calls this)"
	@echo "make bench   against PostgreSQL 15 with a trigger-made hash chain, on this machine"
	@echo "make soak    an hour of simulated crashes, then 150 rounds of kill -9"
	@echo "make lint    fmt, clippy, cargo deny where installed;   make tidy   the house rules"

demo:
	@$(NEED) rust cc
	@sh deploy/demo/demo.sh

test:
	@$(NEED) rust cc go openssl
	@sh tests/setup/test.sh

bench:
	@$(NEED) rust cc postgres
	@sh tests/setup/bench.sh

soak:
	@$(NEED) rust cc
	@sh tests/setup/soak.sh

lint:
	@$(NEED) rust cc
	@sh tests/setup/lint.sh

tidy:
	@$(NEED) rust cc
	@cargo run --quiet --locked -p tidy

fmt:
	@$(NEED) rust
	@cargo fmt --all
