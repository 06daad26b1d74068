# The two commands of the README: `make lab` opens the laboratory, `make test` runs the whole suite, a worker on each core.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: lab test fuzz check clean

lab: $(VENV)/.lab
	@$(BIN)/lmlab

test: $(VENV)/.dev
	$(BIN)/python -m pytest -n auto --dist worksteal

# Ten minutes of the property tests alone, with other examples each time. What fails is printed with its seed.
fuzz: $(VENV)/.dev
	@end=$$(($$(date +%s) + 600)); while [ $$(date +%s) -lt $$end ]; do \
	  seed=$$(od -An -N4 -tu4 /dev/urandom | tr -d ' '); \
	  echo "pytest -m hypothesis --hypothesis-profile=fuzz --hypothesis-seed=$$seed"; \
	  $(BIN)/python -m pytest -n auto --dist worksteal -m hypothesis --hypothesis-profile=fuzz --hypothesis-seed=$$seed || exit 1; \
	done

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

$(VENV)/.lab: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "lmlab needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version). Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV) (the first time this takes a minute or two) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.lab
	@echo "Installing the development tools into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,bpe]'
	@touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info
