#!/usr/bin/env bash
# The peers of the speed benchmark: one virtual environment each under .peers/, with the
# versions that were measured. A peer that is there already is left alone. Arguments: the peers
# to install (all of them without), after the Python 3.11 to use.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${1:?usage: scripts/bench-peers.sh PYTHON3.11 [PEER ...]}
shift

# What each environment holds; what follows a `then` is installed over the rest.
recipe() {
    case $1 in
    # its own pins ask for an older numpy than what its wheels of today are built for
    recommenders) echo "recommenders==1.2.1 then numpy==1.26.4" ;;
    rectools) echo "rectools==0.19.0 ranx==0.3.21 implicit==0.7.3" ;;
    rusket) echo "rusket==0.1.101 numpy==2.4.6 scipy==1.17.1" ;;
    polars) echo "polars==2.1.0 numpy==2.4.6" ;;
    *) echo "unknown peer: $1 (known: recommenders rectools rusket polars)" >&2; exit 2 ;;
    esac
}

install() {
    local home=.peers/$1 steps step
    if [ -e "$home/.installed" ]; then return; fi
    steps=$(recipe "$1")
    echo "installing $steps into $home"
    rm -rf "$home"
    "$python" -m venv "$home"
    while [ -n "$steps" ]; do
        step=${steps%% then *}
        # shellcheck disable=SC2086 # a step is a list of packages
        "$home/bin/python" -m pip --disable-pip-version-check install --quiet $step
        if [ "$step" = "$steps" ]; then steps=; else steps=${steps#* then }; fi
    done
    touch "$home/.installed"
}

if [ $# -eq 0 ]; then set -- recommenders rectools rusket polars; fi
for peer in "$@"; do install "$peer"; done
