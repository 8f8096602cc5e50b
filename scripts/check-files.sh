#!/usr/bin/env bash
# What is neither Python nor documentation: shell scripts, Dockerfile, compose file, development
# containers, workflows. Needs no network. VENV: the environment with the tools.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=${VENV:-.venv}/bin
schema() { "$bin/check-jsonschema" --quiet "$@"; }
"$bin/shellcheck" docker/*.sh scripts/*.sh .ci/run
"$bin/hadolint" docker/Dockerfile deployments/azureml/online/Dockerfile
schema --builtin-schema vendor.compose-spec docker/compose.yaml
schema --schemafile .devcontainer/schema.json .devcontainer/*/devcontainer.json
schema --builtin-schema vendor.github-workflows .github/workflows/*.yml
"$bin/zizmor" --offline --quiet --no-progress .github/workflows
