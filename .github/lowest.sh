#!/usr/bin/env bash
# Runs the tests with the lowest versions of what Sirensong itself depends on, and current tools.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work"
"$work/bin/pip" install --quiet uv
export VIRTUAL_ENV=$work
"$work/bin/uv" pip install --quiet --resolution lowest-direct --editable ".[all]"
"$work/bin/uv" pip install --quiet --group dev
"$work/bin/python" -m pytest
