# `make app` and `make test` do all their own set-up. PYTHON and PORT can be given: make app PYTHON=python3.13 PORT=8600
PYTHON ?= python3
PORT ?= 8501
VENV := .venv
BIN := $(VENV)/bin

.PHONY: app test check full docs wheel format clean

app: $(VENV)/.app
	$(BIN)/python -m streamlit run app.py --server.port $(PORT)

# Browser tests and the wheel want the machine to themselves; the others share its cores.
test: $(VENV)/.dev
	$(BIN)/python -m pytest -m browser
	$(BIN)/python -m pytest -m "not browser and not wheel and not long" -n auto
	$(BIN)/python -m pytest -m wheel

check: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# What takes longer: short forms of the benchmarks, methods of other people, validators, notebooks, the site.
full: test docs
	$(BIN)/python -m pip install --quiet --constraint requirements.txt --editable ".[peers,ontology]"
	$(BIN)/python -m pytest -m long --timeout 3600

# The documentation site, its tutorials carried out (three minutes on two cores); warnings are errors.
docs: $(VENV)/.docs
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

wheel: $(VENV)/.dev
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

$(VENV)/.app: requirements.txt pyproject.toml
	$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v < (3, 14) else f"scapp needs Python 3.11, 3.12 or 3.13; this is {v[0]}.{v[1]}. " + ("numba and torch, which scapp rests on, are pinned to versions without packages for it. " if v > (3, 13) else "") + "Give another one: make app PYTHON=python3.13")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --requirement requirements.txt
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	touch $@

$(VENV)/.dev: requirements-dev.txt requirements.txt $(VENV)/.app
	$(BIN)/python -m pip install --quiet --requirement requirements-dev.txt
	touch $@

$(VENV)/.docs: requirements-docs.txt requirements.txt $(VENV)/.app
	$(BIN)/python -m pip install --quiet --requirement requirements-docs.txt
	touch $@

clean:
	rm -rf $(VENV) dist docs/_build docs/generated .pytest_cache .ruff_cache .mypy_cache .import_linter_cache
