import { createHash } from 'node:crypto';
import { createBackbone } from '../../backbones/index.ts';
import { backboneIds } from '../../backbones/backbone.ts';
import { loadNativeTensorFlow } from './native.ts';
import { sgdSteps } from './sgd-steps.ts';

// Five training steps in a process of its own; prints the SHA-256 of all parameters and the last loss.
const [, , idText, cutText] = process.argv;
const id = backboneIds.find((known) => known === idText);
if (id === undefined) throw new Error(`unknown backbone ${String(idText)}`);
await loadNativeTensorFlow();
const { values, losses } = sgdSteps(createBackbone(id), {
  steps: 5,
  batch: 4,
  sizePx: 64,
  classes: 3,
  cut: Number(cutText),
  seed: 7,
});
const hash = createHash('sha256');
for (const [name, value] of [...values].sort(([a], [b]) => (a < b ? -1 : 1))) hash.update(name).update(value);
console.log(JSON.stringify({ sha256: hash.digest('hex'), loss: losses.at(-1) }));
