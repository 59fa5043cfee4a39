#!/usr/bin/env bash
# Builds the wheel, hides with the sender's extra, and reveals in an environment that has none.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/sender"
"$work/sender/bin/pip" wheel --quiet --no-deps --wheel-dir "$work" .
wheel=$(echo "$work"/sirensong-*.whl)
"$work/sender/bin/pip" install --quiet --constraint constraints.txt "$wheel[hide]"
"$work/sender/bin/sirensong" demo -o "$work/demo"

python3 -m venv "$work/receiver"
"$work/receiver/bin/pip" install --quiet "$wheel"
if "$work/receiver/bin/python" -c "import torch" 2>/dev/null; then
    echo "the receiver's environment has torch" >&2
    exit 1
fi
"$work/receiver/bin/python" examples/receiver.py \
    "$work/demo/song.safetensors" "$work/demo/alice.key" "$work/alice.png"
cmp "$work/alice.png" "$work/demo/alice-render.png"
echo "the receiver's picture is the sender's"
