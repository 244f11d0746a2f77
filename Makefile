# Two commands do everything: `make demo` and `make test`.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin

# With pyenv every installed version is offered to tox, not only the selected one.
ifneq ($(shell command -v pyenv 2>/dev/null),)
export PYENV_VERSION := $(shell (pyenv version-name; pyenv versions --bare | grep -E '^3\.1[0-9]+\.') | paste -sd:)
endif

.PHONY: demo test lint bench phone install browser phone-tools clean

demo: $(VENV)/installed
	$(BIN)/harness run docs/examples/demo.yaml

test: $(VENV)/tox browser phone-tools database
	$(BIN)/tox run

lint: $(VENV)/tox
	$(BIN)/tox run -e lint,types

bench: $(VENV)/installed
	$(BIN)/python -m benchmarks

# A virtual Android phone to try the harness on; it stays until Ctrl-C.
phone: $(VENV)/installed phone-tools
	$(BIN)/python -m tests.phone

install: $(VENV)/installed

# The report is tested in a real browser, the GPU accelerator on the software Vulkan that comes with it. Without root the
# tests that need it are skipped, and say so.
browser:
	@command -v chromium >/dev/null || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium; \
	  else echo "No chromium: browser and software-GPU tests will be skipped (apt-get install chromium)."; fi; }

# The virtual phone and the tests of what runs on phones. Same rule.
PHONE_TOOLS = bwrap:bubblewrap mksh:mksh busybox:busybox gcc:gcc g++:g++ make:make cmake:cmake shellcheck:shellcheck \
  aarch64-linux-gnu-gcc:gcc-aarch64-linux-gnu,libc6-dev-arm64-cross
phone-tools:
	@missing=""; for pair in $(PHONE_TOOLS); do \
	  command -v "$${pair%%:*}" >/dev/null || missing="$$missing $$(echo "$${pair#*:}" | tr , ' ')"; done; \
	if [ -n "$$missing" ]; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing; \
	  else echo "Tests that need them will be skipped, the virtual phone's among them: apt-get install$$missing"; fi; fi
	@$(PYTHON) -m tests.phone.build || true

# The store's tests on a PostgreSQL of their own. Same rule; Debian keeps the server's programs out of PATH.
database:
	@ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql; \
	  else echo "No PostgreSQL server: the store's tests on it will be skipped (apt-get install postgresql)."; fi; }

# Debian keeps the part of Python that makes environments in a package of its own.
$(VENV)/bin/python:
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv && \
	    $(PYTHON) -m venv $(VENV); \
	  else echo "Python cannot make virtual environments here: apt-get install python3-venv"; exit 1; fi; }

$(VENV)/installed: setup.cfg pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[prepare,android]'
	$(BIN)/python -m pip install --quiet --no-deps 'tf-keras>=2.19,<2.22' 'tensorflow-model-optimization>=0.8,<0.9'
	touch $@

$(VENV)/tox: | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet 'tox>=4.15'
	touch $@

clean:
	rm -rf $(VENV) .tox build *.egg-info
