# make demo   the product with a small mail world around it: nothing to configure
# make run    the product alone, with an empty database
# make test   every check and every test; ARGS="tests/queues -k reply" for some of them
# make lock   write requirements/*.txt anew from pyproject.toml (needs uv)

.PHONY: demo run test setup lock lint systemtools words
.DEFAULT_GOAL := help

PYTHON ?= python3
BIN := .venv/bin
LOCK ?= demo
PORT ?= 8080

help:
	@sed -n 's/^# \(make\)/\1/p' Makefile

setup:
	@PYTHON="$(PYTHON)" sh requirements/install.sh $(LOCK)

demo: setup
	@exec $(BIN)/python manage.py up --demo --port $(PORT) $(ARGS)

run: setup
	@exec $(BIN)/python manage.py up --port $(PORT) $(ARGS)

test: LOCK = dev
test: setup systemtools lint
	$(BIN)/pytest -n 2 --dist worksteal $(ARGS)

systemtools:
	@sh requirements/systemtools.sh

lint:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/lint-imports

# make words    bring the catalogues in locale/ up to date with the sources, and compile them (needs gettext)
words:
	@for domain in django djangojs; do \
		$(BIN)/python manage.py makemessages --domain $$domain --locale cs --locale de --locale es \
			--no-wrap --no-obsolete --add-location never \
			--ignore '.venv' --ignore tests --ignore bench --ignore rehearsal --ignore data; \
	done
	@$(BIN)/python manage.py compilemessages --ignore .venv

lock:
	uv pip compile pyproject.toml $(LOCKED_AS) -o requirements/product.txt
	uv pip compile pyproject.toml $(LOCKED_AS) --extra embedded -c requirements/product.txt -o requirements/demo.txt
	uv pip compile pyproject.toml $(LOCKED_AS) --extra embedded --extra dev -c requirements/demo.txt \
		-o requirements/dev.txt

LOCKED_AS = --quiet --universal --python-version 3.11 --upgrade --no-emit-index-url --no-annotate --no-header
