# Every target sets itself up: a Python >= 3.11 and a network for the first installation are all it takes.
# PYTHON=/path/to/python3.12 chooses another interpreter.

VENV := .venv
BIN := $(VENV)/bin
# What runs the program, and what tests it: two stamps, so that the demo waits for no tools of developers.
INSTALLED := $(VENV)/.installed
DEVELOPING := $(VENV)/.developing
# How many tests run at once, each on one thread.
WORKERS := 2
SUPPORTED := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for name in python3 python3.13 python3.12 python3.11; do \
	"$$name" -c "$(SUPPORTED)" >/dev/null 2>&1 && { echo "$$name"; break; }; done)

SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c

.DEFAULT_GOAL := help
.PHONY: help install demo test check check_prw_c6 check_video check_metrics check_page check_processes check_storage check_image check_walk check_cluster check_int8 lint types tests mutants rooms benchmarks card weights plaza_weights labelled_frames format clean

help:
	@echo "make install  put the program into $(VENV)"
	@echo "make demo     the whole way on a synthetic square, ending in a report with pictures"
	@echo "make test     lint, types and tests"
	@echo "make check    the tests on real data, which take minutes"
	@echo "                parts of it: make check_prw_c6, make check_video, make check_metrics, make check_processes,"
	@echo "                make check_storage, make check_image, make check_walk, make check_cluster, make check_int8"
	@echo "make check_page   the page in a real browser, which make test looks at too"
	@echo "make rooms    draw docs/rooms.svg from the imports"
	@echo "make mutants  plant faults and see that the tests notice, a quarter of an hour"
	@echo "make card         measure frames and indexing on a graphics card, ten minutes"
	@echo "make benchmarks   measure every figure of BENCHMARKS.md anew, on a machine that does nothing else, half an hour"
	@echo "make weights  render worlds and train the models that come with personsearch, hours;"
	@echo "              make plaza_weights trains the joint model of squares, an hour"
	@echo "make labelled_frames DATA=my_data   what 50, 100, 200, 500 labeled frames are worth, from three starts, hours"
	@echo "make format   rewrite the code's layout"
	@echo "make clean    remove the environment and everything that was built"

install: $(INSTALLED)
	@echo "personsearch is installed in $(VENV). Each new terminal needs this line:"
	@echo "    source $(BIN)/activate"

# pip says hundreds of lines: on a terminal they are one that counts, elsewhere none; errors are shown.
define pip_install
	@echo "installing $(1) into $(VENV)"
	@$(BIN)/python -m pip install --disable-pip-version-check --progress-bar off --editable "$(2)" 2> $(VENV)/pip.errors \
	| if [ -t 1 ]; then awk '{printf "\r\033[K  step %d: %.60s", NR, $$0; fflush()} END {printf "\r\033[K"}'; else cat > /dev/null; fi \
	|| { cat $(VENV)/pip.errors >&2; exit 1; }
endef

# The stamps follow pyproject.toml: an unchanged project is installed once.
$(INSTALLED): pyproject.toml
	@$(if $(PYTHON),,echo "no Python >= 3.11 among python3, python3.13, python3.12, python3.11; install one or give PYTHON=/path/to/it" >&2; exit 1)
	@"$(PYTHON)" -c "$(SUPPORTED)" || { echo "$(PYTHON) is too old, expected Python >= 3.11; give PYTHON=/path/to/a/newer/one" >&2; exit 1; }
	@"$(PYTHON)" -m venv $(VENV)
	$(call pip_install,personsearch and the libraries that it needs (minutes at the first time),.[ui])
	@touch $@

$(DEVELOPING): $(INSTALLED)
	$(call pip_install,the tools that test it,.[dev])
	@touch $@

demo: $(INSTALLED)
	$(BIN)/personsearch demo

test: lint types tests

lint: $(DEVELOPING)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(DEVELOPING)
	$(BIN)/mypy

# Memory that is freed is kept for the next model: asking the system for it anew took a twentieth of the time.
KEEPING_MEMORY := MALLOC_TRIM_THRESHOLD_=2000000000 MALLOC_MMAP_THRESHOLD_=2000000000

tests: $(DEVELOPING)
	OMP_NUM_THREADS=1 $(KEEPING_MEMORY) $(BIN)/python -m pytest -m "not slow" -n $(WORKERS) --dist worksteal --durations=10

# Plants faults in a copy of the project; exit status 1 where more than a tenth survive the tests.
mutants: $(DEVELOPING)
	PYTHONPATH=tests $(BIN)/python -m mutants --workers $(WORKERS)

SLOW := -m slow -o faulthandler_timeout=0 --durations=10

check: $(DEVELOPING)
	$(BIN)/python -m pytest $(SLOW)

# Parts of it: training and search on real frames, a real video, the figures at the size of Market-1501.
check_prw_c6: $(DEVELOPING)
	$(BIN)/python -m pytest $(SLOW) tests/test_promises.py -k real_people

check_video: $(DEVELOPING)
	$(BIN)/python -m pytest $(SLOW) tests/test_promises.py -k real_video

check_metrics: $(DEVELOPING)
	$(BIN)/python -m pytest $(SLOW) tests/test_promises.py tests/tools/bench/speed/test_bench_evaluation.py -k "metrics or market_size"

# The page in a real browser, screen by screen; every `make test` does it too.
check_page: $(DEVELOPING)
	$(BIN)/python -m pytest -o faulthandler_timeout=0 --durations=10 tests/search/server/test_browser.py

# Two indexers of one source, fifty times; a gallery cut at every byte; two machines that train together.
check_processes: $(DEVELOPING)
	$(BIN)/python -m pytest $(SLOW) tests/search/gallery/test_gallery_keys.py \
		tests/search/care/test_repairing.py tests/detection/test_processes.py

# The walk of docs/case.md, from six cameras to a case that is passed on, as it stands there.
check_walk: $(DEVELOPING)
	$(BIN)/python -m pytest $(SLOW) tests/test_walk.py

# Galleries on object storage: several indexers, one of them killed, and the commands. The server is of this machine.
check_storage: $(DEVELOPING)
	$(BIN)/python -m pytest $(SLOW) tests/search/gallery/test_object_storage.py \
		tests/tools/commands/test_object_storage_commands.py

# The program as its image runs it: a user without rights, and nothing that can be written. It needs the rights to mount.
check_image: $(DEVELOPING)
	$(BIN)/python -m pytest $(SLOW) tests/test_deploy.py

# Four workers and the writer of a cluster, each killed once; searches in parts.
check_cluster: $(DEVELOPING)
	$(BIN)/python -m pytest $(SLOW) tests/search/cluster/test_on_ray.py

# The models in 8-bit numbers, through the commands.
check_int8: $(DEVELOPING)
	$(BIN)/python -m pytest $(SLOW) tests/tools/commands/test_runtime_options.py tests/tools/bench/speed/test_bench_inference.py

# docs/rooms.svg, from the imports; exit status 1 where rooms import each other.
rooms: $(DEVELOPING)
	$(BIN)/python tests/draw_rooms.py

# Every figure of BENCHMARKS.md: measured into runs/benchmarks, then its tables written. Nothing else should run meanwhile.
benchmarks: $(INSTALLED)
	$(BIN)/personsearch bench all runs/benchmarks
	$(BIN)/personsearch bench page runs/benchmarks

# What a graphics card does, in ten minutes: ResNet-50 with a pyramid at 900 x 1500, untrained, frames alone and then whole
# indexing with decoding. `bench all` is for the processor.
card: $(INSTALLED)
	mkdir -p runs/card
	$(BIN)/personsearch bench inference --device cuda --untrained true --frames 32 --frame-width 1536 --json runs/card/inference.json
	$(BIN)/personsearch bench index --device cuda --untrained true --minutes 1 --frame-width 1536 --json runs/card/index.json

# Makes models like the shipped ones, detection/weights/people.safetensors and reid/weights/people.safetensors, from worlds
# rendered anew; their cards tell how those very files were made. WORLDS=20 is enough to try it. At the end the share of the
# crop model beside the joint one is learned, on worlds of people who trained neither: runs/people.share.json.
WORLDS := 136
MORE_WORLDS := 100

weights: $(INSTALLED)
	$(BIN)/personsearch data plaza runs/worlds --worlds $(WORLDS) --place-persons 24 --moments 12 --seed 1 --test-fraction 0.04
	$(BIN)/personsearch train joint runs/worlds --config people --weights imagenet --output runs/people_first
	$(BIN)/personsearch train joint runs/worlds --config people --weights runs/people_first/model.safetensors --output runs/people \
		--training.learning-rate 0.0006 --training.trunk-rate 0.3 --training.seed 1
	$(BIN)/personsearch train crop runs/worlds --format custom --config crop_mobile --weights imagenet --output runs/people_crops \
		--training.epochs 15 --training.small-epochs 12 --training.learning-rate 0.0005 --augmentation.color 0.3
	$(BIN)/personsearch data plaza runs/more_worlds --worlds $(MORE_WORLDS) --place-persons 32 --moments 10 --seed 7 --test-fraction 0.04
	$(BIN)/personsearch train crop runs/more_worlds --format custom --config crop_mobile --output runs/people_crops2 \
		--weights runs/people_crops/model.safetensors --training.epochs 14 --training.small-epochs 8 \
		--training.learning-rate 0.00035 --augmentation.color 0.3
	$(BIN)/personsearch export runs/people runs/people.safetensors --half
	$(BIN)/personsearch export runs/people_crops2 runs/people_crops.safetensors --half \
		--average-with runs/people_crops --average-share 0.4
	$(BIN)/personsearch data plaza runs/other_worlds --worlds 12 --place-persons 10 --moments 6 --seed 77 --test-fraction 0.95
	$(BIN)/personsearch calibrate runs/other_worlds --model runs/people.safetensors --second-stage runs/people_crops.safetensors \
		--learn-second-weight

# How detection/weights/plaza.safetensors was made; see its card. Half an hour to an hour on two cores.
OTHER_SQUARES := runs/squares/2,runs/squares/3,runs/squares/4,runs/squares/5

plaza_weights: $(INSTALLED)
	for seed in 1 2 3 4 5; do \
		$(BIN)/personsearch data plaza runs/squares/$$seed --seed $$seed --persons 80 --minutes 0.6 --test-fraction 0.05 || exit; \
	done
	$(BIN)/personsearch train joint runs/squares/1 --also $(OTHER_SQUARES) --config plaza --output runs/plaza
	$(BIN)/personsearch train joint runs/squares/1 --also $(OTHER_SQUARES) --config plaza --output runs/plaza2 \
		--weights runs/plaza/model.safetensors --training.epochs 1 --training.learning-rate 0.0005 \
		--losses.oim 0.2
	$(BIN)/personsearch export runs/plaza2 runs/plaza.safetensors --half

# What so many labeled frames of DATA are worth, from each start: one structure and one recipe, STEPS steps of four frames
# each. Figures are in runs/labelled/START-FRAMES/*.json; what is finished is not done again.
DATA := prw_c6
STARTS := shipped imagenet none
FRAMES := 50 100 200 500
STEPS := 1000

labelled_frames: $(INSTALLED)
	for start in $(STARTS); do for frames in $(FRAMES); do \
		run=runs/labelled/$$(basename $$start .safetensors)-$$frames; \
		[ ! -f $$run/search.json ] || continue; \
		resume=; [ ! -f $$run/resume.pt ] || resume=--resume; \
		epochs=$$((($(STEPS) * 4 + $$frames / 2) / $$frames)); \
		$(BIN)/personsearch train joint $(DATA) --config people --weights $$start --frames $$frames --training.batch-size 4 \
			--training.epochs $$epochs --output $$run $$resume || exit; \
		$(BIN)/personsearch evaluate detection $(DATA) --model $$run --json $$run/detection.json || exit; \
		$(BIN)/personsearch evaluate search $(DATA) --model $$run --unlabelled ignore --json $$run/search.json || exit; \
	done; done

format: $(DEVELOPING)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
