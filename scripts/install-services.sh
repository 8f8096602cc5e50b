#!/usr/bin/env bash
# What the tests need beside the development environment: headless Chromium and Java (Debian),
# Azurite (npm), and obp (pip).
set -eu
cd "$(dirname "$0")/.."
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }
install() {
  echo "installing $*"
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$@" >/dev/null
}
command -v chromium >/dev/null || install chromium
command -v npm >/dev/null || install npm
# Spark needs Java 17 or newer, and is slower without the two native libraries
java -version 2>&1 | grep -qE 'version "(1[7-9]|[2-9][0-9])' || install openjdk-17-jre-headless
if [ ! "$(/sbin/ldconfig -p | grep -cE 'lib(blas|lapack)\.so\.3 ')" = 2 ]; then install libblas3 liblapack3; fi
scripts/azurite.sh install
scripts/obp-env.sh
