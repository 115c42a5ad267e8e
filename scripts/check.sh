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
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
status=0
run_tests() { # name, vitest arguments …
  step "$1"
  npx vitest run --reporter=default --reporter=json --outputFile.json="$results/$1.json" "${@:2}" || status=1
}
run_tests unit --project unit
run_tests integration --project integration
# Three kills of one network here; npm run test:faults does ten of two. Mostly it waits: for death to be noticed, for work to be
# taken up again. So it goes on beside the commands' tests, and is shown after them.
(GRAFT_FAULT_KILLS=3 run_tests faults --project faults -t tiny-cnn; exit "$status") >"$results/faults.log" 2>&1 &
faults=$!
run_tests end-to-end --project e2e
wait "$faults" || status=1
cat "$results/faults.log"
printf '\n%s s\n' "$SECONDS"
node - "$results" <<'END' || status=1
const { readdirSync, readFileSync } = require('node:fs');
const folder = process.argv[2];
const sums = { passed: 0, failed: 0, skipped: 0 };
for (const name of readdirSync(folder).filter((each) => each.endsWith('.json'))) {
  const { numPassedTests, numFailedTests, numPendingTests, success } = JSON.parse(readFileSync(`${folder}/${name}`, 'utf8'));
  sums.passed += numPassedTests;
  sums.failed += numFailedTests + (success || numFailedTests > 0 ? 0 : 1);
  sums.skipped += numPendingTests;
}
console.log(`${sums.passed} passed, ${sums.failed} failed, ${sums.skipped} skipped`);
process.exitCode = sums.failed > 0 || sums.passed === 0 ? 1 : 0;
END
exit "$status"
