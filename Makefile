# `make demo` and `make test` install what they need into .venv once and reuse it.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
# Of `make test-lowest`: the oldest Python that pyproject.toml allows, from pyenv where that has it.
LOWEST_PYTHON ?= $(firstword $(wildcard $(HOME)/.pyenv/versions/3.10.*/bin/python3.10) python3.10)
LOWEST_VENV := .venv-lowest

.PHONY: demo demo-quick demo-swap demo-swap-quick evidence evidence-quick test test-browser test-libraries test-lowest test-minkowski gpu gpu-packages gpu-packages-compiled lint release install clean

install: $(VENV)/.installed

# onedl-mmdetection pulls in opencv-python and opencv-python-headless, which write the same files;
# the headless one last, so that cv2 imports on machines without a screen (libGL).
$(VENV)/.installed: requirements.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install -r requirements.txt
	$(RUN) -m pip install --force-reinstall --no-deps opencv-python-headless==4.12.0.88
	$(RUN) -m pip install --no-deps -e .
	touch $@

demo: install
	$(RUN) -m demo

# The same chain in a few iterations each: for continuous integration, not for the scores.
demo-quick: install
	$(RUN) -m demo --quick

# Five published configs with another backbone, trained on the demo's images; `make demo` or `make demo-quick` writes these.
demo-swap: install
	$(RUN) -m demo.swap

demo-swap-quick: install
	$(RUN) -m demo.swap --iterations 2

# The paper's claims at a small size, three seeds each; an interrupted run goes on where it was. docs/evidence.md.
evidence: install
	$(RUN) -m benchmarks.evidence

# Every step of it in two minutes: for continuous integration, not for the results.
evidence-quick: install
	$(RUN) -m benchmarks.evidence --quick

# Two processes of one thread each: on two cores that is twice as fast as one process of two threads. Files are taken in
# their order, not the one with the most tests first: the longest one has a single test. The tests of the export have
# processes of their own, with OpenVINO and onnxruntime in them; one that dies ends the run, which would wait for it.
PARALLEL := --numprocesses 2 --dist loadfile --no-loadscope-reorder --max-worker-restart 0

test: install
	OMP_NUM_THREADS=1 $(RUN) -m pytest $(PARALLEL) -m "not minkowski and not libraries and not browser and not export"
	OMP_NUM_THREADS=1 $(RUN) -m pytest $(PARALLEL) -m export

# The same tests with the oldest Python, torch and torchvision that pyproject.toml allows.
test-lowest: $(LOWEST_VENV)/.installed
	OMP_NUM_THREADS=1 $(LOWEST_VENV)/bin/python -m pytest $(PARALLEL) \
		-m "not minkowski and not libraries and not browser and not pinned and not export"

$(LOWEST_VENV)/.installed: requirements/lowest.txt pyproject.toml
	$(LOWEST_PYTHON) -m venv $(LOWEST_VENV)
	$(LOWEST_VENV)/bin/python -m pip install -r requirements/lowest.txt
	$(LOWEST_VENV)/bin/python -m pip install --force-reinstall --no-deps opencv-python-headless==4.12.0.88
	$(LOWEST_VENV)/bin/python -m pip install --no-deps -e .
	touch $@

# The report page of a run in headless Chromium, of Debian's package where that can be installed.
test-browser: install
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null \
	|| if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update && apt-get install -y --no-install-recommends chromium; \
	else \
		echo "the test of the report page needs Chromium; install it: sudo apt-get install -y chromium" >&2; exit 1; \
	fi
	$(RUN) -m pytest -m browser

# The tests of layout='minkowski', and MinkowskiEngine for them.
test-minkowski: $(VENV)/.minkowski
	$(RUN) -m pytest -m minkowski

# Compiles a program of two lines to see whether OpenBLAS is there, header and library. The engine is built against the
# installed torch, so no wheel of an earlier build may be used; its setup.py calls `pip`, which must be the one of .venv;
# without --use-pep517 pip 23 leaves the settings out.
$(VENV)/.minkowski: $(VENV)/.installed
	@echo 'int main(void) { return 0; }' | $(CC) -include cblas.h -x c - -lopenblas -o /dev/null 2>/dev/null \
	|| if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update && apt-get install -y libopenblas-dev; \
	else \
		echo "MinkowskiEngine needs OpenBLAS; install it: sudo apt-get install -y libopenblas-dev" >&2; exit 1; \
	fi
	$(RUN) -m pip uninstall -y MinkowskiEngine
	$(RUN) -m pip install setuptools==80.10.2 wheel ninja numpy
	PATH="$(CURDIR)/$(VENV)/bin:$$PATH" $(RUN) -m pip install MinkowskiEngine==0.5.4 --no-deps --no-build-isolation --no-cache-dir --use-pep517 --config-settings="--global-option=--cpu_only" --config-settings="--global-option=--blas=openblas"
	touch $@

# The tests with mmpose, mmrotate and mmyolo, which stand in folders in front of .venv: mmyolo wants another mmcv.
test-libraries: .libraries/.installed .libraries-mmyolo/.installed
	$(RUN) -m pytest -m libraries

.libraries/.installed: requirements/libraries.txt $(VENV)/.installed
	rm -rf $(@D)
	$(RUN) -m pip install --target $(@D) --no-deps -r $<
	touch $@

.libraries-mmyolo/.installed: requirements/mmyolo.txt requirements/libraries.txt $(VENV)/.installed
	rm -rf $(@D)
	$(RUN) -m pip install --target $(@D) --no-deps -r $<
	touch $@

# Everything that is to be measured on a GPU, in ten minutes. It needs no network and no .venv: docs/benchmark.md.
gpu:
	$(PYTHON) -m benchmarks.gpu

# Packages for `make gpu` on a machine without a network; they travel with the checkout. What was packed by mistake is left
# out: `tests` would hide ours. transformers is hidden: mmengine imports it wherever it is installed, which takes seconds,
# and nothing here needs it.
GPU_MACHINE := --python-version 3.12 --implementation cp $(addprefix --platform manylinux,_2_28_x86_64 _2_27_x86_64 2014_x86_64)

gpu-packages: .gpu-packages/.installed

.gpu-packages/.installed: requirements/gpu.txt
	rm -rf $(@D)
	MMCV_WITH_OPS=0 $(PYTHON) -m pip install --target $(@D) --no-deps --no-compile $(GPU_MACHINE) -r $<
	cd $(@D) && rm -rf bin docs tests yapftests
	echo 'raise ImportError("hidden by make gpu-packages")' > $(@D)/transformers.py
	touch $@

gpu-packages-compiled: .gpu-packages-compiled/.installed

.gpu-packages-compiled/.installed: requirements/gpu-compiled.txt
	rm -rf $(@D)
	$(PYTHON) -m pip install --target $(@D) --no-deps --no-compile $(GPU_MACHINE) -r $<
	touch $@

lint: install
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy
	$(RUN) -m codespell_lib

# What a release is: an sdist, the wheel that it gives, both checked, and the wheel used outside of the checkout.
release: install
	rm -rf build dist
	$(RUN) -m build --no-isolation
	$(RUN) -m twine check --strict dist/*
	$(RUN) -m pytest tests/test_wheel.py

clean:
	rm -rf work_dirs data build dist *.egg-info .pytest_cache .ruff_cache
