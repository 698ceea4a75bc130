# `make demo` and `make test` each do all of their own set-up; they need Rust and Node.js.
#
# FEATURES=bundled builds DuckDB from source, for platforms without a prebuilt libduckdb (about an hour on two cores).

FEATURES ?=
CARGO_FEATURES := $(if $(FEATURES),--features $(FEATURES))
BIN := $(or $(CARGO_TARGET_DIR),target)/debug/assetctl

TOP := select instrument, round(score, 4) as score from scores \
	where session = (select max(session) from scores) order by scores.score desc, instrument limit 10

.PHONY: help demo test bench setup fmt
.DEFAULT_GOAL := help

help: ## what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: setup ## build, then bring the demo project up to date and show the ten best scores of its last session
	cargo build $(CARGO_FEATURES)
	$(BIN) validate
	$(BIN) plan
	$(BIN) materialize
	$(BIN) sql "$(strip $(TOP))"

test: setup ## every test
ifeq ($(shell command -v cargo-nextest 2>/dev/null),)
	cargo test --workspace $(CARGO_FEATURES)
else
	cargo test --workspace --doc $(CARGO_FEATURES)
	cargo nextest run --workspace $(CARGO_FEATURES)
endif

bench: setup ## the benchmarks, in the profile of daily work, so that dependencies are not built again
	cargo bench --profile dev $(CARGO_FEATURES)

setup: ## fetch libduckdb into third_party/duckdb and check it; nothing to do when it is there
ifeq ($(filter bundled,$(FEATURES)),)
	@command -v node >/dev/null || { echo "setup: Node.js is not installed; it fetches libduckdb (or use FEATURES=bundled)" >&2; exit 1; }
	@node scripts/setup-duckdb.mjs
endif

fmt: ## format the sources
	cargo fmt --all
