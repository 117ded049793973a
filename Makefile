# Everything a contributor or a visitor types. POSIX make and sh; a second run of any target skips what is done.
.POSIX:
.PHONY: help demo test lint bench soak workflows manifest stubs wheel clean

VENV = .venv
PY = $(VENV)/bin/python -P
OUT = demo
PROMPT = a red circle to the left of a blue square
TESTS = tests

help: ## show this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1	/p' Makefile | expand -t 20

# The demo asks for no browser editor, so an install that would build one may skip it (LATENTLOOM_NO_WEB).
demo: $(VENV)/.installed ## install, draw a picture from a prompt with the bundled model, say where it is
	@echo "Prompt: $(PROMPT)"
	@LATENTLOOM_NO_WEB=1 $(PY) -m latentloom run workflows/txt2img.json --data-dir $(OUT) --set "Prompt.text=$(PROMPT)"

test: $(VENV)/.tested ## run all tests
	@OMP_NUM_THREADS=$${OMP_NUM_THREADS:-2} $(PY) -m pytest -q -m "not soak" $(TESTS)

lint: $(VENV)/.tested $(VENV)/typing/latentloom ## style, strict types, import arrows, staleness of generated files
	@$(PY) -m ruff check .
	@$(PY) -m mypy
	@$(PY) -m latentloom manifest --check
	@$(PY) -m latentloom stubs --check
	@$(PY) -m pytest -q tests/architecture

bench: $(VENV)/.tested ## measure the engine, the sampler loop, the judge and the full-size networks
	@set -e; for file in tests/bench/bench_*.py; do echo "== $$file"; $(PY) "$$file"; done

soak: $(VENV)/.tested ## long runs: fuzzing with many more examples, and the tests that take minutes
	@$(PY) -m pytest -q -m "soak or hypothesis" --hypothesis-profile=soak --timeout=3600 $(TESTS)

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
	rm -rf $(VENV) build dist demo latentloom.egg-info

$(VENV)/bin/python:
	@sh .ci/venv $(VENV)

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml constraints.txt
	@echo "Installing Latentloom and PyTorch into $(VENV); the first time takes a few minutes."
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

$(VENV)/.tested: $(VENV)/.installed
	@echo "Installing what the tests need into $(VENV)."
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test,oracles]'
	@touch $@

# mypy reads folders, not import hooks: show it the repository root under the package's name.
$(VENV)/typing/latentloom: $(VENV)/bin/python
	@mkdir -p $(VENV)/typing && ln -sfn ../.. $(VENV)/typing/latentloom
