# The two commands of the README: `make lab` opens the laboratory, `make test` runs the whole suite, a worker on each core.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
comma := ,

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

# What an installation leaves: .begun until it has ended, then .lab, and .dev where the development tools are there too.
# One that was cut off is made anew, and so is one whose Python is gone or that was made in another folder.
HERE := import os, sys, lmcore; sys.exit(not os.path.samefile(os.path.dirname(lmcore.__path__[0]), "."))
$(shell test ! -e $(VENV)/.lab || $(BIN)/python -P -c '$(HERE)' 2>/dev/null \
  || { rm -f $(VENV)/.lab $(VENV)/.dev; touch $(VENV)/.begun; })

define install
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "lmlab needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version). Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@test ! -e $(VENV)/.begun && $(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@touch $(VENV)/.begun
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '$(1)'
	@rm $(VENV)/.begun
endef

$(VENV)/.lab: pyproject.toml constraints.txt
	@echo "Installing into $(VENV) (the first time this takes a minute or two) ..."
	$(call install,.)
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt
	@echo "Installing into $(VENV), with the development tools (the first time this takes a minute or two) ..."
	$(call install,.[dev$(comma)bpe])
	@touch $(VENV)/.lab $@

clean:
	rm -rf $(VENV) build dist *.egg-info
