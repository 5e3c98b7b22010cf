# Everything one does with this repository. `make help` lists the targets.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

export TIDEGATE_TOOLS := $(abspath $(or $(TIDEGATE_TOOLS),.tools))
TARGET := $(abspath $(or $(CARGO_TARGET_DIR),target))
export PATH := $(TARGET)/local:$(TIDEGATE_TOOLS)/venv/bin:$(TIDEGATE_TOOLS)/cargo/bin:$(PATH)
# Empty, unless the pinned toolchain is missing and another one is as new.
TOOLCHAIN := $(shell scripts/toolchain)
ifneq ($(TOOLCHAIN),)
export RUSTUP_TOOLCHAIN ?= $(TOOLCHAIN)
endif

INPUT ?= events/invoices/online-retail-sample.csv.gz
LIMIT ?=
BACKEND ?= ministack
ENV ?=
ARCHITECTURE ?= x86_64
export BACKEND ARCHITECTURE

# What is off by default is checked and tested too. The same for every step: other features would compile most dependencies again.
EVERYTHING := --features tidegate/otel,tidegate/aws-lambda-events

FUNCTIONS := $(notdir $(wildcard functions/*))

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: setup programs ## start the local system, feed it INPUT (LIMIT invoices), report and check; leaves it running
	@scripts/demo "$(INPUT)" $(LIMIT)

.PHONY: down
down: ## end the local system that `make demo` left running
	@if command -v tidegate >/dev/null; then tidegate local down; else echo "nothing was built, so nothing is running"; fi

.PHONY: test
test: setup-backend programs ## unit tests, then system tests; with BACKEND=localstack the system tests on LocalStack
	@if [[ $(BACKEND) != localstack ]]; then scripts/setup build aws-cli awslambdaric browser; export TIDEGATE_BROWSER=$$(scripts/browser); set -x; cargo test --locked --workspace --exclude system-tests $(EVERYTHING); fi
	cargo test --locked --profile local --package system-tests --test system -- $(ONLY)

# The run under all faults, and each story (tests/system/chaos/stories).
CHAOS := $(or $(ONLY),all paused throttled hanging newer)

.PHONY: chaos
chaos: setup programs ## 2,000 invoices under all faults, five seeds, then the stories; ONLY='paused newer'; CHAOS_INPUT, CHAOS_INVOICES, CHAOS_SEEDS, CHAOS_SHRINK=no
	@scripts/chaos $(CHAOS)

.PHONY: detection
detection: setup programs ## each protection switched off in turn: chaos must find a difference; prints a table; ONLY='guard stop' tries only these
	@scripts/detection

.PHONY: contract
contract: setup ## the stores' contract suites: doubles in memory, MiniStack, DynamoDB Local
	@scripts/setup dynamodb-local
	scripts/contract --profile local $(ONLY)

.PHONY: conformance
conformance: ## the engine's mappings beside LocalStack's own, in the same scenarios; ONLY=PART runs those whose name has it
	@scripts/conformance

.PHONY: check
check: setup ## the gate: format, lints, unit tests, docs, licences, topology, infrastructure
	@python3 tests/toolchain.py
	@python3 tests/links.py
	@python3 tests/readme.py
	@scripts/setup deny build aws-cli awslambdaric browser
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets $(EVERYTHING) -- -D warnings
	TIDEGATE_BROWSER=$$(scripts/browser) cargo test --locked --workspace --exclude system-tests $(EVERYTHING)
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps --document-private-items $(EVERYTHING)
	scripts/deny
	@scripts/detection --check
	@scripts/api --check-if-possible
	$(TARGET)/debug/tidegate topology check --strict
	scripts/check-infra

.PHONY: api
api: ## rewrite crates/tidegate/public-api.txt, the listing of the toolkit's public API (needs a nightly Rust)
	@scripts/setup api
	@scripts/api

.PHONY: api-check
api-check: ## compare the toolkit's public API with the listing
	@scripts/setup api
	@scripts/api --check

.PHONY: build
build: ## release zips of all functions, with their sizes; ARCHITECTURE=arm64 for Graviton
	@scripts/setup build
	@scripts/package $(FUNCTIONS)

.PHONY: deploy
deploy: ## check the topology, build the zips, plan the environment ENV (ENV=dev), show the plan, apply it once confirmed
	@scripts/deploy "$(ENV)" --check
	@scripts/setup build
	cargo run --locked --quiet --profile local --package tidegate-cli -- topology check --strict
	@$(MAKE) --no-print-directory build
	@scripts/deploy "$(ENV)"

.PHONY: rollback
rollback: ## FUNCTION stays in ENV at the version before, or at VERSION, also when others are deployed; no zips needed
	@scripts/deploy "$(ENV)" --rollback "$(FUNCTION)$(if $(VERSION),=$(VERSION))"

.PHONY: rollforward
rollforward: ## FUNCTION follows in ENV what is deployed again
	@scripts/deploy "$(ENV)" --rollforward "$(FUNCTION)"

.PHONY: pause
pause: ## the source SOURCE=function.source is not read in ENV, for REASON='why'; no zips needed
	@scripts/deploy "$(ENV)" --pause "$(SOURCE)=$(REASON)"

.PHONY: resume
resume: ## the source SOURCE=function.source is read in ENV again
	@scripts/deploy "$(ENV)" --resume "$(SOURCE)"

.PHONY: destroy
destroy: ## delete everything of the environment ENV, once confirmed
	@scripts/destroy "$(ENV)"

.PHONY: infra-check
infra-check: ## what a change of infra/ needs, in minutes: format, types, tests with AWS mocked, every environment, scripts, checkov
	@scripts/check-infra

.PHONY: infra-test
infra-test: setup build programs ## deploy the system into an emulator that enforces IAM, and send orders through
	@scripts/terraform version >/dev/null
	AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_SESSION_TOKEN= TIDEGATE_ZIPS=$(TARGET)/lambda \
	  cargo test --locked --profile local --package system-tests --test infra -- --nocapture --test-threads 4 $(ONLY)

.PHONY: cost
cost: programs ## what the system costs on AWS, for each environment
	@tidegate cost --measurement infra/measurement.json

.PHONY: bench
bench: programs ## the toolkit beside Powertools (Python), how functions start, and the delivery engine; writes docs/benchmarks.md and docs/engine-benchmarks.md
	@scripts/setup bench
	@scripts/bench

.PHONY: mutants
mutants: ## breaks the toolkit line by line and tells which breaks no test notices; hours, or ONLY='--file …/lanes.rs'
	@scripts/setup mutants
	cargo mutants --package tidegate $(ONLY)

.PHONY: watch
watch: programs ## local system whose functions run under `cargo lambda watch`: compiled anew when their code changes, open to debuggers
	@scripts/setup build
	@scripts/watch

.PHONY: replay
replay: ## list dead letters; `scripts/replay-dlq --yes` replays them
	@scripts/replay-dlq

.PHONY: clean
clean: ## remove what was built and the local system's state; keeps .tools
	cargo clean
	rm -rf .tidegate

.PHONY: setup setup-backend programs
setup:
	@scripts/setup

setup-backend: setup
	@if [[ $(BACKEND) == localstack ]]; then scripts/setup localstack; fi

programs: setup
	@echo "building (the first time this takes some minutes)"
	cargo build --locked --profile local --workspace --bins
