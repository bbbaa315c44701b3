# Everything here works from a fresh clone with only Python (3.11 or newer) and make, but what names
# other needs.
PYTHON ?= python3
BIN := .venv/bin
TYPESCRIPT := clients/typescript
GENERATORS := tests/generators
PLAYGROUND := tests/playground
FASTIFY := benchmarks/peers/fastify

LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" pyproject.toml

# Root gets the packages of Debian that are missing; others are told which.
define INSTALL_MISSING
if [ -n "$$missing" ] && [ "$$(id -u)" = 0 ]; then \
	apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $$missing; \
elif [ -n "$$missing" ]; then \
	echo "Missing packages of Debian:$$missing" >&2; exit 1; \
fi
endef

.PHONY: help run test test-citus test-neighbours test-generators test-playground lint format lock audit sbom fuzz bench flame parts instructions \
	attack prove clean \
	clients clients-python clients-typescript \
	test-clients test-clients-python test-clients-typescript

help:  ## Show what can be made
	@sed -n 's/^\([a-z.-]*\):.*##  *\(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 28

run: .venv/installed $(if $(OTEL_EXPORTER_OTLP_ENDPOINT),.venv/traces)  ## Serve the API, on PostgreSQL of its own unless DB_HOST names one
	@exec $(BIN)/python -m app

test: .venv/developing  ## Run the tests, on PostgreSQL of their own unless DB_HOST names one
	$(BIN)/python -m pytest $(ARGS)

# What is the same on one machine and on many. tests/citus starts clusters of its own to break, where
# PostgreSQL has the library of Citus.
test-citus: .venv/developing  ## Test on the Citus cluster whose coordinator DB_HOST names
	@$(BIN)/python -m tests.support.citus
	$(BIN)/python -m pytest tests/contract tests/citus $(addprefix tests/operation/test_,$(addsuffix .py, \
		order faults live live_under_faults activity backfill purge retention)) $(ARGS)

test-neighbours: .venv/developing .venv/clients/installed  ## Test with nginx, Chromium, Java, PgBouncer, Redis, Prometheus and PostgreSQL of Debian; root installs them
	@missing=""; \
	command -v nginx >/dev/null || missing="$$missing nginx-light"; \
	command -v chromium >/dev/null || missing="$$missing chromium"; \
	command -v chromedriver >/dev/null || missing="$$missing chromium-driver"; \
	command -v java >/dev/null || missing="$$missing openjdk-17-jre-headless"; \
	test -x /usr/sbin/pgbouncer || missing="$$missing pgbouncer"; \
	command -v redis-server >/dev/null || missing="$$missing redis-server"; \
	command -v promtool >/dev/null || missing="$$missing prometheus"; \
	ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || missing="$$missing postgresql"; \
	command -v openssl >/dev/null || missing="$$missing openssl"; \
	$(INSTALL_MISSING)
	PATH="$$PATH:/usr/sbin" $(BIN)/python -m pytest tests/neighbours $(ARGS)

test-generators: .venv/developing .venv/generators/installed $(GENERATORS)/node_modules/installed  ## Test what others generate from the OpenAPI document; root installs Java, Go and PHP of Debian
	@missing=""; \
	command -v javac >/dev/null || missing="$$missing openjdk-17-jdk-headless"; \
	test -e /usr/share/java/jakarta-annotation-api.jar || missing="$$missing libjakarta-annotation-api-java"; \
	command -v go >/dev/null || missing="$$missing golang-go"; \
	test -d /usr/share/gocode/src/gopkg.in/validator.v2 || missing="$$missing golang-gopkg-validator.v2-dev"; \
	command -v php >/dev/null || missing="$$missing php-cli"; \
	$(INSTALL_MISSING)
	$(BIN)/python -m pytest tests/generators $(ARGS)

test-playground: .venv/developing $(PLAYGROUND)/node_modules/installed  ## Test the playground in Chromium of Debian, which root has installed by it
	@missing=""; \
	command -v chromium >/dev/null || missing="$$missing chromium"; \
	$(INSTALL_MISSING)
	$(BIN)/python -m pytest $(PLAYGROUND) $(ARGS)

lint: .venv/developing  ## Check style, types, and for what bandit knows to be unsafe
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/bandit --quiet --recursive --configfile pyproject.toml app alembic install.py

format: .venv/developing  ## Fix what can be fixed of the style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: .venv/developing  ## Pin the newest versions that pyproject.toml allows into requirements.txt
	$(BIN)/python -m pip install --quiet uv
	$(LOCK) --upgrade --all-extras --output-file requirements.txt
	$(LOCK) --constraint requirements.txt --output-file requirements/service.txt
	$(LOCK) --constraint requirements.txt --extra embedded --output-file requirements/embedded.txt
	$(LOCK) --constraint requirements.txt --extra traces --output-file requirements/traces.txt

audit: .venv/audit  ## Look up whether a vulnerability is known of what requirements.txt pins
	.venv/auditor/bin/pip-audit --requirement requirements.txt --require-hashes --disable-pip --strict $(ARGS)

sbom: .venv/sbom  ## Write sbom.json: what a service is made of, with licences (CycloneDX)
	.venv/auditor/bin/cyclonedx-py environment --pyproject pyproject.toml --mc-type application \
		--output-reproducible --output-file sbom.json .venv/service

fuzz: .venv/fuzz  ## Try to break a server of its own with generated requests, for five minutes
	$(BIN)/python tests/operation/fuzz.py $(ARGS)

bench: .venv/bench  ## Measure the service against others of its kind; needs Linux and wrk
	.venv/benchmarks/bin/python -m benchmarks $(ARGS)

flame: .venv/bench  ## Draw where the processor's time of sends goes (flame.svg); needs Linux and wrk
	.venv/benchmarks/bin/python -m benchmarks.flame $(ARGS)

parts: .venv/bench  ## Measure of what a call consists: uvicorn, the statement, and the rest; needs Linux and wrk
	.venv/benchmarks/bin/python -m benchmarks.parts $(ARGS)

instructions: .venv/bench  ## Count the instructions that a call takes of the service; needs Linux and valgrind
	.venv/benchmarks/bin/python -m benchmarks.instructions $(ARGS)

attack: .venv/developing  ## Attack a service of its own, and tell what others notice; needs Linux
	$(BIN)/python -m attack $(ARGS)

prove: .venv/developing  ## Break a service of its own in every way, and check that nothing is lost; needs Linux
	$(BIN)/python -m prove $(ARGS)

# The generated calls of streams would never return, so they are removed: the client reads streams.
clients-python: .venv/clients/installed openapi.json
	PATH="$(CURDIR)/.venv/clients/bin:$$PATH" openapi-python-client generate --path openapi.json \
		--config clients/python/generator.yaml --meta none --overwrite --fail-on-warning \
		--output-path clients/python/chat_and_message_client/generated
	rm -r clients/python/chat_and_message_client/generated/api/live
	.venv/clients/bin/python clients/python/derive_sync.py
	.venv/clients/bin/ruff check clients/python/chat_and_message_client/_sync \
		--isolated --no-cache --target-version py311 --fix-only --select I
	.venv/clients/bin/ruff format clients/python/chat_and_message_client/_sync \
		--isolated --no-cache --target-version py311 --line-length 100

test-clients-python: .venv/developing
	rm -rf .venv/clients-python-test
	$(PYTHON) install.py .venv/clients-python-test --pinned './clients/python[dev]'
	cd clients/python && ../../.venv/clients-python-test/bin/mypy
	cd clients/python && ../../.venv/clients-python-test/bin/pytest $(ARGS)

clients-typescript: openapi.json $(TYPESCRIPT)/node_modules/installed
	npm --prefix $(TYPESCRIPT) run generate
	npm --prefix $(TYPESCRIPT) run build

test-clients-typescript: .venv/developing $(TYPESCRIPT)/node_modules/installed
	npm --prefix $(TYPESCRIPT) test

clients: clients-python clients-typescript  ## Write the clients anew, as the OpenAPI document says

test-clients: test-clients-python test-clients-typescript  ## Test the clients, and every example of the guide
	cd clients/python && ../../.venv/clients-python-test/bin/pytest -c pyproject.toml ../test_guide.py

openapi.json: .venv/installed app $(shell find app -name "*.py")  ## Write the OpenAPI document
	$(BIN)/python -m app openapi > $@

clean:  ## Remove what was installed; the data in .data/ stays
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache clients/python/.*_cache \
		$(addprefix $(TYPESCRIPT)/,node_modules build) \
		$(addsuffix /node_modules,$(GENERATORS) $(PLAYGROUND) $(FASTIFY))

# What running needs; what tests and lint need as well.
.venv/installed: requirements/embedded.txt
	@$(PYTHON) install.py .venv
	@touch $@

.venv/traces: .venv/installed requirements/traces.txt
	@$(PYTHON) install.py .venv --require-hashes -r requirements/traces.txt
	@touch $@

.venv/developing: .venv/installed requirements.txt
	@$(PYTHON) install.py .venv -r requirements.txt
	@touch $@

.venv/fuzz: .venv/developing
	@$(PYTHON) install.py .venv/fuzzer 'schemathesis>=4.32,<5'
	@touch $@

.venv/bench: .venv/developing benchmarks/requirements.txt $(FASTIFY)/package-lock.json
	@$(PYTHON) install.py .venv/benchmarks -r requirements.txt
	@$(PYTHON) install.py .venv/benchmarks --pinned -r benchmarks/requirements.txt
	@if command -v npm >/dev/null; then \
		npm --prefix $(FASTIFY) ci --silent --no-audit --no-fund; \
	fi
	@touch $@

.venv/audit: .venv/installed Makefile
	@$(PYTHON) install.py .venv/auditor --pinned cyclonedx-bom==7.5.0 pip-audit==2.10.1
	@touch $@

# The service alone, without what develops it, nor pip.
.venv/sbom: .venv/audit requirements/embedded.txt
	@$(PYTHON) install.py .venv/service
	@.venv/service/bin/python -m pip --quiet uninstall --yes pip setuptools
	@touch $@

.venv/clients/installed: .venv/installed Makefile
	@$(PYTHON) install.py .venv/clients --pinned openapi-python-client==0.29.1 ruff \
		unasync==0.6.0
	@touch $@

.venv/generators/installed: .venv/installed Makefile
	@$(PYTHON) install.py .venv/generators --pinned openapi-generator-cli==7.26.0 \
		pydantic python-dateutil urllib3
	@touch $@

%/node_modules/installed: %/package-lock.json
	npm --prefix $* ci --silent --no-audit --no-fund
	@touch $@
