# Targets need nothing but Python 3.11+ and make; each makes the environment it wants first.

PYTHON ?= python3
VENV ?= .venv
ARGS ?= -n auto
BIN := $(VENV)/bin

.PHONY: venv demo test chaos attacks browsers soak leaks detection lint bench clean

venv: $(VENV)/.ready

$(VENV)/.ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[all]' --group dev
	touch $@

demo: venv
	$(BIN)/scrapeguard demo

test: venv
	$(BIN)/python -m pytest $(ARGS)

# kill -9 at random moments, ROUNDS times; SCRAPEGUARD_SEED for other moments, SCRAPEGUARD_CHAOS_LOG to go on with a log.
ROUNDS ?= 200
chaos: venv
	SCRAPEGUARD_CHAOS=$(ROUNDS) $(BIN)/python -m pytest --timeout 0 -s tests/chaos

attacks: venv
	$(BIN)/python -m pytest --timeout 0 tests/attacks --mutations 2000

lint: venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: venv
	$(BIN)/python benchmarks/overhead.py
	$(BIN)/python benchmarks/evidence.py
	$(BIN)/python benchmarks/bundle.py
	$(BIN)/python benchmarks/challenge.py

# All that browsers do with a challenge, with screenshots; with axe-core's script in SCRAPEGUARD_AXE, accessibility too.
browsers: venv
	mkdir -p browsers-output
	SCRAPEGUARD_BROWSERS=$(CURDIR)/browsers-output $(BIN)/python -m pytest --timeout 0 tests/browsers

# Real scrapers and browsers: their libraries stay out of our environment. What is not installed is said in the table.
detection: venv $(VENV)-detection/.ready
	$(BIN)/python -m benchmarks.detection --tools $(VENV)-detection

$(VENV)-detection/.ready: benchmarks/detection/tools/requirements.txt
	$(PYTHON) -m venv $(VENV)-detection
	$(VENV)-detection/bin/python -m pip install --quiet --requirement $<
	-npm install --silent --prefix $(VENV)-detection axios simplecrawler
	-cd $(VENV)-detection && apt-get download crowdsec && dpkg -x crowdsec_*.deb crowdsec
	touch $@

soak: venv
	SOAK_MEGABYTES=2048 $(BIN)/python -m pytest --timeout 0 tests/doors/test_proxy_life.py -k any_size

# A hundred thousand requests through the sidecar, most of which go wrong: descriptors and memory stay flat.
leaks: venv
	SOAK_REQUESTS=100000 $(BIN)/python -m pytest --timeout 0 -s tests/doors/test_proxy_leaks.py

clean:
	rm -rf $(VENV) demo-output browsers-output
