# Two commands do everything on a fresh machine with Python 3.11+:
#   make demo    the environment, the worked example, pictures into out/
#   make test    the tests
# The others need more: `make parity` PyTorch and others, `make bench` the peers, `make browser` a Chromium,
# `make latex` a TeX.
# `make peers` runs other projects' own tests (`make peers SUITES=autograd` one of them).
# `make fuzz` checks a million random programs; `make fuzz SEEDS=5000:6000` those of these seeds.
PYTHON ?= python3
VENV   ?= .venv
BIN     = $(VENV)/bin
SUITES ?=
SEEDS  ?= 0:1000000
CORES   = --numprocesses=auto --dist=worksteal

.PHONY: demo test lint types parity browser notebook packaging latex peers proofs fuzz coverage examples reading stubs bench bench-quick clean

demo: $(VENV)/.plot
	$(BIN)/python examples/plot_node_classification.py

test: $(VENV)/.test
	$(BIN)/python -m pytest $(CORES)

lint: $(VENV)/.lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.lint $(VENV)/.test
	$(BIN)/mypy

parity: $(VENV)/.test $(VENV)/.parity
	$(BIN)/python -m pytest $(CORES) tests/parity

browser notebook packaging latex: %: $(VENV)/.test $(VENV)/.%
	$(BIN)/python -m pytest tests/$@

peers: $(VENV)/.peers
	$(BIN)/python -m tests.peers $(SUITES)

# The mutations of each rule, which `python -m tests.check.mutation_proof` prints, are part of `make test`.
proofs: $(VENV)/.test
	$(BIN)/python -m tests.check.mutation_proof --healthy
	$(BIN)/python -m tests.check.diagnosis_proof

fuzz: $(VENV)/.test
	$(BIN)/python -m tests.random_programs.fuzz $(SEEDS)

# what can be recorded as a program, and how near it is to eager code
coverage: $(VENV)/.test
	$(BIN)/python -m tests.programs.coverage

examples: $(VENV)/.examples
	set -e; for lesson in examples/plot_*.py; do echo "== $$lesson"; $(BIN)/python $$lesson; done

reading: $(VENV)/.test
	$(BIN)/python -m benchmarks.reading

stubs: $(VENV)/.test
	$(BIN)/python -m tinygrad_xent.stubs

bench: $(VENV)/.bench
	$(BIN)/python -m benchmarks

bench-quick: $(VENV)/.bench
	$(BIN)/python -m benchmarks --quick

clean:
	rm -rf $(VENV) out build dist

# $(VENV)/.NAME: the environment with the extra NAME of pyproject.toml installed
$(VENV)/.%: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable ".[$*]"
	touch $@

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
