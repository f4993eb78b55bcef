#!/bin/sh
# Install a locked set of packages into .venv, unless it is there already: install.sh demo|dev|product
#
# Uses uv when it is there (seconds), else venv and pip. The stamp remembers the lock and the Python.
set -eu

lock="requirements/$1.txt"
python="${PYTHON:-python3}"
stamp=.venv/.installed

fail() {
	echo "$1" >&2
	exit 1
}

command -v "$python" >/dev/null || fail "There is no $python: install Python 3.11 or newer."
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
	fail "This is Python $version, but 3.11 or newer is needed: install one and run make PYTHON=python3.11 (or newer)."

# A set that contains the wanted one is as good: dev holds all of demo.
wanted="python $version, $1 $(cksum "$lock" | cut -d' ' -f1,2)"
if [ -f "$stamp" ] && grep -qxF "$wanted" "$stamp"; then
	exit 0
fi

echo "Installing the packages of $lock into .venv …"
rm -f "$stamp"
current=$(.venv/bin/python -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || true)
if [ "$current" != "$version" ]; then
	rm -rf .venv
fi

by_uv() {
	command -v uv >/dev/null || return 1
	[ -d .venv ] || uv venv --quiet --python "$python" .venv || return 1
	uv pip install --quiet --python .venv/bin/python -r "$lock"
}

by_pip() {
	[ -d .venv ] || "$python" -m venv .venv ||
		fail "Python can't make a virtual environment: install its venv module (package python3-venv)."
	.venv/bin/python -m pip --version >/dev/null 2>&1 || .venv/bin/python -m ensurepip --upgrade >/dev/null
	.venv/bin/python -m pip install --quiet --disable-pip-version-check -r "$lock" ||
		fail "The packages can't be installed: see that pip reaches a package index, then run make again."
}

by_uv || { command -v uv >/dev/null && echo "uv could not do it, trying pip …"; by_pip; }
echo "$wanted" >"$stamp"
if [ "$1" = dev ]; then
	echo "python $version, demo $(cksum requirements/demo.txt | cut -d' ' -f1,2)" >>"$stamp"
fi
