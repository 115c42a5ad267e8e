#!/usr/bin/env bash
# Everything that must hold before a change lands: format, lint, types, and every test on real servers and TensorFlow.
set -euo pipefail
cd "$(dirname "$0")/.."
bash scripts/install.sh
step() { printf '\n== %s (%s s)\n' "$1" "$SECONDS"; }
step 'format'; npm run --silent format:check
step 'lint'; npm run --silent lint
step 'types'; npm run --silent typecheck
step 'TensorFlow, Temporal and S3 server'; node bin/graft.mjs doctor --fix
step 'tests'
results=$(mktemp)
status=0
npx vitest run --project unit --project integration --project e2e --project faults-quick --reporter=default --reporter=json --outputFile.json="$results" || status=$?
node -e '
  const { numPassedTests, numFailedTests, numPendingTests } = JSON.parse(require("node:fs").readFileSync(process.argv[1], "utf8"));
  console.log(`\n${numPassedTests} passed, ${numFailedTests} failed, ${numPendingTests} skipped`);
' "$results" || status=1
rm -f "$results"
exit "$status"
