#!/usr/bin/env bash
# The install steps of every target of the Dockerfile (or of those that are named), each in a
# clean virtual environment: what can be tried of the images where there is no Docker engine.
# PYTHON: the interpreter; the images have Python 3.12.
set -euo pipefail
cd "$(dirname "$0")/.."
export PYTHON=${PYTHON:-$(scripts/find-python.sh)}
if [ $# -eq 0 ]; then mapfile -t targets < <("$PYTHON" docker/targets.py list); set -- "${targets[@]}"; fi
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
for target in "$@"; do
    begun=$SECONDS
    docker/install.sh requirements "$target" "$place/$target"
    docker/install.sh package "$target" "$place/$target"
    size=$(du -sm "$place/$target" | cut -f 1)
    echo "$target: $((SECONDS - begun)) s, $size MB, $("$PYTHON" -V)"
    rm -rf "${place:?}/$target"
done
