#!/usr/bin/env bash
# What a target of the Dockerfile installs, into a virtual environment that is made where there is
# none. Two steps, because only the second one changes with the code:
#   docker/install.sh requirements TARGET VENV   what restock needs there, in tested versions
#   docker/install.sh package TARGET VENV        restock itself; then everything is tried
set -euo pipefail
usage="usage: docker/install.sh requirements|package TARGET VENV"
step=${1:?$usage} target=${2:?$usage} venv=$(realpath -m "${3:?$usage}")
cd "$(dirname "$0")/.."
python=$venv/bin/python
pip() { "$python" -m pip --disable-pip-version-check --no-input "$@"; }

case $step in
requirements)
    [ -x "$python" ] || "${PYTHON:-python3}" -m venv "$venv"
    "$python" docker/targets.py requirements "$target" |
        pip install --quiet -c constraints.txt -r /dev/stdin
    ;;
package)
    # from a copy: the sources may be read-only, and a build leaves folders behind
    copy=$(mktemp -d)
    trap 'rm -rf "$copy"' EXIT
    cp pyproject.toml README.md LICENSE __init__.py py.typed "$copy"
    for package in */__init__.py; do cp -r "$(dirname "$package")" "$copy"; done
    pip install --quiet --no-deps "$copy"
    pip check
    "$python" docker/targets.py check "$target"
    ;;
*)
    echo "$usage" >&2
    exit 2
    ;;
esac
