#!/usr/bin/env bash
# Prints the first of Python 3.12, 3.11 and 3.13 that can make a virtual environment; --explain says
# what to install when there is none.
set -u
for name in python3.12 python3.11 python3.13 python3; do
  path=$(command -v "$name") || continue
  "$path" - <<'PY' >/dev/null 2>&1 || continue
import ensurepip, sys, venv
sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PY
  [ "${1:-}" = --explain ] || echo "$path"
  exit 0
done
[ "${1:-}" = --explain ] && cat >&2 <<'TEXT'
restock needs Python 3.11, 3.12 or 3.13 with the venv module, and found none.
On Debian or Ubuntu:  sudo apt-get install python3 python3-venv
Or name one yourself: make demo PYTHON=/path/to/python3.12
TEXT
exit 0
