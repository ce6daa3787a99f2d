# Every target sets itself up: a Python >= 3.11 and a network for the first installation are all it takes.
# PYTHON=/path/to/python3.12 chooses another interpreter.

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
EXTRAS := train,dev
# How many tests run at once, each on one thread.
WORKERS := 2
SUPPORTED := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for name in python3 python3.13 python3.12 python3.11; do \
	"$$name" -c "$(SUPPORTED)" >/dev/null 2>&1 && { echo "$$name"; break; }; done)

.DEFAULT_GOAL := help
.PHONY: help install demo test check check_prw_c6 check_video check_metrics lint types tests mutants rooms weights format clean

help:
	@echo "make demo     the whole way on a synthetic square, ending in a report with pictures"
	@echo "make test     lint, types and tests"
	@echo "make check    the tests on real data, which take minutes"
	@echo "                parts of it: make check_prw_c6, make check_video, make check_metrics"
	@echo "make rooms    draw docs/rooms.svg from the imports"
	@echo "make mutants  plant faults and see that the tests notice, a quarter of an hour"
	@echo "make weights  train the checkpoint that the demo starts from, an hour"
	@echo "make format   rewrite the code's layout"
	@echo "make clean    remove the environment and everything that was built"

install: $(INSTALLED)

# The stamp follows pyproject.toml: an unchanged project is installed once.
$(INSTALLED): pyproject.toml
	@$(if $(PYTHON),,echo "no Python >= 3.11 among python3, python3.13, python3.12, python3.11; install one or give PYTHON=/path/to/it" >&2; exit 1)
	@"$(PYTHON)" -c "$(SUPPORTED)" || { echo "$(PYTHON) is too old, expected Python >= 3.11; give PYTHON=/path/to/a/newer/one" >&2; exit 1; }
	"$(PYTHON)" -m venv $(VENV)
	$(BIN)/python -m pip install --editable ".[$(EXTRAS)]"
	@touch $@

demo: $(INSTALLED)
	$(BIN)/personsearch demo

test: lint types tests

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(INSTALLED)
	$(BIN)/mypy

tests: $(INSTALLED)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "not slow" -n $(WORKERS) --dist worksteal --durations=10

# Plants faults in a copy of the project; exit status 1 where more than a tenth survive the tests.
mutants: $(INSTALLED)
	PYTHONPATH=tests $(BIN)/python -m mutants --workers $(WORKERS)

SLOW := -m slow -o faulthandler_timeout=0 --durations=10

check: $(INSTALLED)
	$(BIN)/python -m pytest $(SLOW)

# Parts of it: training and search on real frames, a real video, the figures at the size of Market-1501.
check_prw_c6: $(INSTALLED)
	$(BIN)/python -m pytest $(SLOW) tests/test_promises.py -k real_people

check_video: $(INSTALLED)
	$(BIN)/python -m pytest $(SLOW) tests/test_promises.py -k real_video

check_metrics: $(INSTALLED)
	$(BIN)/python -m pytest $(SLOW) tests/test_promises.py tests/tools/bench/test_bench_evaluation.py -k "metrics or market_size"

# docs/rooms.svg, from the imports; exit status 1 where rooms import each other.
rooms: $(INSTALLED)
	$(BIN)/python tests/draw_rooms.py

# How detection/weights/plaza.safetensors was made; see its card. Half an hour to an hour on two cores.
OTHER_SQUARES := runs/squares/2,runs/squares/3,runs/squares/4,runs/squares/5

weights: $(INSTALLED)
	for seed in 1 2 3 4 5; do \
		$(BIN)/personsearch data plaza runs/squares/$$seed --seed $$seed --persons 80 --minutes 0.6 --test-fraction 0.05 || exit; \
	done
	$(BIN)/personsearch train joint runs/squares/1 --also $(OTHER_SQUARES) --config plaza --output runs/plaza
	$(BIN)/personsearch train joint runs/squares/1 --also $(OTHER_SQUARES) --config plaza --output runs/plaza2 \
		--weights runs/plaza/model.safetensors --training.epochs 1 --training.learning-rate 0.0005 \
		--losses.oim 0.2
	$(BIN)/personsearch export runs/plaza2 runs/plaza.safetensors --half

format: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
