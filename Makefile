# The only entry point. `make run` shows the product, `make test` proves it; both install what they need.

PYTHON ?= python3
PORT_BASE ?= 8400
VENV := .venv
BIN := $(VENV)/bin
CATALOGUES := $(wildcard mssante/locale/*/LC_MESSAGES/*.po)

.SILENT:
.PHONY: run reset manage lint test bench messages

run: $(VENV)/.run
	exec $(BIN)/python -m mssante.demo run --with-parent --port-base $(PORT_BASE)

reset: $(VENV)/.run
	$(BIN)/python -m mssante.demo reset

# manage.py of the demonstration's first operator, or of the settings DJANGO_SETTINGS_MODULE names.
# Only the command's own words reach standard output; a failure of it is a failure of make.
manage: $(VENV)/.run
	MSSANTE_PORT_BASE=$(PORT_BASE) $(BIN)/python manage.py $(ARGS)

# Seconds, and what one runs before a commit. Needs what `make test` installs.
lint: $(VENV)/.test
	$(BIN)/python -m tests.check lint

# Everything. Runs as root: it installs the Debian packages it needs.
test:
	sh tests/check/system.sh
	$(MAKE) --no-print-directory $(VENV)/.test
	$(BIN)/python -m tests.check all

# Ratios to peers, half an hour of them. ARGS="receive sender" for some, ARGS=--quick to see that it works. Runs as root.
bench:
	sh tests/check/system.sh
	$(MAKE) --no-print-directory $(VENV)/.test
	$(BIN)/python -m tests.benchmarks $(ARGS)

# Takes new sentences into the French catalogue.
messages: $(VENV)/.test
	$(BIN)/python manage.py makemessages --locale fr --no-obsolete --no-wrap --no-location --ignore var --ignore node_modules --ignore .venv

# $(1): extras to install.
define install
	mkdir -p var
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) >var/install.log 2>&1 || { cat var/install.log >&2; echo "Install python3-venv (apt-get install python3-venv), then try again." >&2; rm -rf $(VENV); exit 1; }
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.$(1)' >var/install.log 2>&1 || { cat var/install.log >&2; exit 1; }
	$(BIN)/pybabel --quiet compile --domain django --directory mssante/locale >var/install.log 2>&1 || { cat var/install.log >&2; exit 1; }
	touch $@
endef

$(VENV)/.run: pyproject.toml $(CATALOGUES)
	$(call install,)

$(VENV)/.test: pyproject.toml package.json package-lock.json $(CATALOGUES)
	$(call install,[card$(comma)production$(comma)test])
	npm ci --silent --no-audit --no-fund >var/install.log 2>&1 || { cat var/install.log >&2; exit 1; }
	touch $(VENV)/.run

comma := ,
