#!/usr/bin/env bash
# Installs the packages of package-lock.json, unless they are there already and no older than it.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ ! -e node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
  echo 'Installing packages (npm ci) …' >&2
  npm ci --no-audit --no-fund --loglevel=error >&2
fi
