#!/usr/bin/env bash
# Once, when a development container is new: the checkout takes the place of the package that the
# image holds, the tools come beside it, and its kernels are compiled.
set -euo pipefail
cd "$(dirname "$0")/.."
"$VENV/bin/python" -m pip --disable-pip-version-check install --quiet -c constraints.txt \
    --editable '.[tools]'
"$VENV/bin/restock" warm
"$VENV/bin/restock" doctor
