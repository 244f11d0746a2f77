# Two commands do everything: `make demo` and `make test`.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin

# With pyenv every installed version is offered to tox, not only the selected one.
ifneq ($(shell command -v pyenv 2>/dev/null),)
export PYENV_VERSION := $(shell (pyenv version-name; pyenv versions --bare | grep -E '^3\.1[0-9]+\.') | paste -sd:)
endif

.PHONY: demo test lint bench install clean

demo: $(VENV)/installed
	$(BIN)/harness run docs/examples/demo.yaml

test: $(VENV)/tox
	$(BIN)/tox run

lint: $(VENV)/tox
	$(BIN)/tox run -e lint,types

bench: $(VENV)/installed
	$(BIN)/python -m benchmarks

install: $(VENV)/installed

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: setup.cfg pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[prepare]'
	touch $@

$(VENV)/tox: | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet 'tox>=4.15'
	touch $@

clean:
	rm -rf $(VENV) .tox build *.egg-info
