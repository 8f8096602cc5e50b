#!/usr/bin/env bash
# The versions that are installed and tested together, without restock itself.
set -eu
echo "# Written by 'make constraints': the versions that are tested together."
"$1" -m pip list --format=freeze 2>/dev/null | grep -vE '^(restock|pip|setuptools|wheel)==' | sed 's/+cpu$//' | sort -f
