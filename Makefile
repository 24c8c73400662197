# Two commands do everything on a fresh machine with Python 3.11+:
#   make demo    the environment, the worked example, pictures into out/
#   make test    the tests
PYTHON ?= python3
VENV   ?= .venv
BIN     = $(VENV)/bin

.PHONY: demo test lint types parity examples bench clean
demo: $(VENV)/.plot
	$(BIN)/python examples/plot_node_classification.py

test: $(VENV)/.test
	$(BIN)/python -m pytest

lint: $(VENV)/.lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.lint $(VENV)/.test
	$(BIN)/mypy

parity: $(VENV)/.test $(VENV)/.parity
	$(BIN)/python -m pytest tests/parity

examples: $(VENV)/.examples
	set -e; for lesson in examples/plot_*.py; do echo "== $$lesson"; $(BIN)/python $$lesson; done

clean:
	rm -rf $(VENV) out build dist

# $(VENV)/.NAME: the environment with the extra NAME of pyproject.toml installed
$(VENV)/.%: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable ".[$*]"
	touch $@

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
