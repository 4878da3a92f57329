# `make demo` and `make test` install what they need into .venv once and reuse it.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python

.PHONY: demo demo-quick test lint install clean

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
	$(RUN) tools/demo.py

# The same chain in a few iterations each: for continuous integration, not for the scores.
demo-quick: install
	$(RUN) tools/demo.py --quick

test: install
	$(RUN) -m pytest

lint: install
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .

clean:
	rm -rf work_dirs data build dist *.egg-info .pytest_cache .ruff_cache
