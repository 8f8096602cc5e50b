#!/usr/bin/env bash
# Install obp, the Open Bandit Pipeline, for the tests that compare our estimators with its own,
# and say where it is. It goes into tests/.obp, which git ignores and no other program sees: obp
# asks for more than it needs (torch), so it comes without its requirements. What its estimators
# import is there in the development environment, whose Python runs them.
set -eu
version=0.4.1
cd "$(dirname "$0")/.."
place="$PWD/tests/.obp"
if [ ! -d "$place/obp-$version.dist-info" ]; then
  python="${VENV:-.venv}/bin/python"
  [ -x "$python" ] || python=$(scripts/find-python.sh)
  rm -rf "$place"
  "$python" -m pip --disable-pip-version-check install --quiet --no-deps --no-compile \
    --only-binary :all: --target "$place" "obp==$version" >&2
fi
echo "$place"
