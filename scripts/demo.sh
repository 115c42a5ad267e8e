#!/usr/bin/env bash
# The demo: from a fresh clone to a promoted model of handwritten digits. Run again, it reuses every stage.
set -euo pipefail
cd "$(dirname "$0")/.."
started=$SECONDS
bash scripts/install.sh
graft() { node bin/graft.mjs "$@"; }
graft doctor --fix
node --import tsx examples/digits/make-images.ts
graft up
graft run examples/digits/graft.yaml
cat >&2 <<END

Done in $((SECONDS - started)) s. Where to look now:
  npx graft runs show latest          stages, metrics and attempts of the run
  npx graft models show digits        versions of the model and who is champion
  npx graft predict digits examples/digits/images/7/0000.png
  npx graft down                      stops what was started; everything stays under .graft/
END
