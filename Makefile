# Everything that you do with this repository. `make help` lists the targets.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

export TIDEGATE_TOOLS := $(abspath $(or $(TIDEGATE_TOOLS),.tools))
TARGET := $(abspath $(or $(CARGO_TARGET_DIR),target))
export PATH := $(TARGET)/local:$(TIDEGATE_TOOLS)/venv/bin:$(TIDEGATE_TOOLS)/cargo/bin:$(PATH)
# Set only if the pinned toolchain is missing and another one is as new.
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

# Checks and tests include the features that are off by default. Every step uses the same ones,
# because other features would compile most dependencies again.
EVERYTHING := --features tidegate/full

FUNCTIONS := $(notdir $(wildcard functions/*))

.PHONY: help
help: ## lists the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: setup programs ## feeds INPUT (LIMIT invoices) to the order path, or to all: SHOP=1 [OUTAGE=1]
	@OUTAGE=$(OUTAGE) scripts/demo$(if $(SHOP),-shop) "$(INPUT)" $(LIMIT)

.PHONY: down
down: ## ends what `make demo` left running
	@scripts/down

.PHONY: test
test: setup-backend programs ## runs unit and system tests; BACKEND=localstack uses LocalStack
	@if [[ $(BACKEND) != localstack ]]; then scripts/setup build aws-cli awslambdaric browser; export TIDEGATE_BROWSER=$$(scripts/browser); set -x; cargo test --locked --workspace --exclude system-tests $(EVERYTHING); fi
	cargo test --locked --profile local --package system-tests --test system -- $(ONLY)

# The run under all faults, and each story (tests/system/chaos/stories).
CHAOS := $(or $(ONLY),all paused throttled hanging newer shop)

.PHONY: chaos
chaos: setup programs ## checks invoices under all faults, then the stories; see docs/faults.md
	@scripts/chaos $(CHAOS)

.PHONY: rebuild
rebuild: setup programs ## rebuilds the read model of INPUT's orders while they come (LIMIT)
	@REBUILD_FILE="$(abspath $(INPUT))" REBUILD_LIMIT=$(LIMIT) cargo test --locked --profile local \
	  --package system-tests --test system -- --ignored --nocapture a_large_read_model_is_rebuilt

.PHONY: detection
detection: setup programs ## switches off each protection (ONLY='guard stop'): chaos must find it
	@scripts/detection

.PHONY: travel
travel: setup ## books TRIPS=270 trips under all faults with SEED=18: each must end as it must
	cargo build --locked --workspace --examples $(EVERYTHING)
	TRAVEL_TRIPS=$(or $(TRIPS),270) TRAVEL_SEED=$(or $(SEED),18) cargo test --locked --workspace \
	  --exclude system-tests $(EVERYTHING) --test it -- --nocapture travel::every

.PHONY: contract
contract: setup ## runs the stores' contract suites: doubles, MiniStack, DynamoDB Local
	@scripts/setup dynamodb-local
	scripts/contract --profile local $(ONLY)

.PHONY: kafka
kafka: setup ## tests publishing to Kafka against a broker that it starts (needs Java and Maven)
	@scripts/setup kafka
	scripts/kafka $(ONLY)

.PHONY: conformance
conformance: ## compares the engine's mappings with LocalStack's; ONLY=PART of a name
	@scripts/conformance

.PHONY: check
check: setup ## checks format, lints, unit tests, docs, licences, topology, infrastructure
	@python3 tests/toolchain.py
	@python3 tests/links.py
	@python3 tests/readme.py
	@python3 tests/words.py
	@python3 tests/circles.py
	@scripts/circles
	@python3 tests/house.py
	@python3 tests/first_build.py
	@scripts/widths
	@scripts/sizes
	@scripts/first-build
	@scripts/setup deny build aws-cli awslambdaric browser
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets $(EVERYTHING) -- -D warnings
	TIDEGATE_BROWSER=$$(scripts/browser) cargo test --locked --workspace --exclude system-tests $(EVERYTHING)
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps --document-private-items $(EVERYTHING)
	scripts/deny
	@scripts/detection --check
	@scripts/api --check-if-possible
	$(TARGET)/debug/tidegate topology check --strict
	@scripts/events-diff $(TARGET)/debug/tidegate
	scripts/check-infra

.PHONY: api
api: ## rewrites the listing crates/tidegate/public-api.txt (needs a nightly Rust)
	@scripts/setup api
	@scripts/api

.PHONY: api-check
api-check: ## compares the toolkit's public API with the listing
	@scripts/setup api
	@scripts/api --check

.PHONY: build
build: ## builds release zips of all functions, prints their sizes; ARCHITECTURE=arm64 for Graviton
	@scripts/setup build
	@scripts/package $(FUNCTIONS)

.PHONY: deploy
deploy: ## checks, builds and plans the environment ENV (ENV=dev), applies the plan once confirmed
	@scripts/deploy "$(ENV)" --check
	@scripts/setup build
	cargo run --locked --quiet --profile local --package tidegate-cli -- topology check --strict
	@$(MAKE) --no-print-directory build
	@scripts/deploy "$(ENV)"

.PHONY: rollback
rollback: ## keeps FUNCTION in ENV at the previous version, or at VERSION, through later deployments
	@scripts/deploy "$(ENV)" --rollback "$(FUNCTION)$(if $(VERSION),=$(VERSION))"

.PHONY: rollforward
rollforward: ## lets FUNCTION in ENV follow deployments again
	@scripts/deploy "$(ENV)" --rollforward "$(FUNCTION)"

.PHONY: pause
pause: ## stops reading SOURCE=function.source in ENV, for REASON='why'; needs no zips
	@scripts/deploy "$(ENV)" --pause "$(SOURCE)=$(REASON)"

.PHONY: resume
resume: ## reads SOURCE=function.source in ENV again
	@scripts/deploy "$(ENV)" --resume "$(SOURCE)"

.PHONY: destroy
destroy: ## deletes everything of the environment ENV, once confirmed
	@scripts/destroy "$(ENV)"

.PHONY: infra-check
infra-check: ## all that a change of infra/ needs, without an AWS account, in minutes
	@scripts/check-infra

.PHONY: infra-test
# What tests/infra deploys.
infra-test: FUNCTIONS := event-publisher notification order-processor order-projection
infra-test: setup build programs ## deploys into an emulator that enforces IAM, and sends orders
	@scripts/terraform version >/dev/null
	AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_SESSION_TOKEN= TIDEGATE_ZIPS=$(TARGET)/lambda \
	  cargo test --locked --profile local --package system-tests --test infra -- --nocapture --test-threads 4 $(ONLY)

.PHONY: cost
cost: programs ## prints what the system costs on AWS, for each environment
	@tidegate cost --measurement infra/measurement.json

.PHONY: bench
bench: programs ## measures toolkit, starts of functions and engine; writes docs/*benchmarks.md
	@scripts/setup bench
	@scripts/bench

.PHONY: mutants
mutants: ## finds mutations that no test notices; hours, or ONLY='--file …/lanes.rs'
	@scripts/setup mutants
	cargo mutants --package tidegate $(ONLY)

.PHONY: watch
watch: programs ## runs functions under `cargo lambda watch`, for hot reload and debuggers
	@scripts/setup build
	@scripts/watch

.PHONY: replay
replay: ## lists dead letters; `scripts/replay-dlq --yes` replays them
	@scripts/replay-dlq

.PHONY: clean
clean: ## ends what runs, removes build outputs and the local system's state; keeps .tools
	@scripts/down
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
