import { createHash } from 'node:crypto';
import { loadTensorFlow } from '../../../infra/native/load-tensorflow.ts';
import { backboneNames } from '../../../core/backbone-facts.ts';
import { createBackbone } from '../../../ml/backbones/index.ts';
import { sgdSteps } from '../../../ml/nn/testing/sgd-steps.ts';

// Five training steps in a process of its own; prints the SHA-256 of all parameters and the last loss.
const [, , idText, cutText] = process.argv;
const id = backboneNames.find((known) => known === idText);
if (id === undefined) throw new Error(`unknown backbone ${String(idText)}`);
await loadTensorFlow();
const size = { batch: 4, sizePx: 64, classes: 3 };
const { values, losses } = sgdSteps(createBackbone(id), { ...size, steps: 5, cut: Number(cutText), seed: 7 });
const hash = createHash('sha256');
for (const [name, value] of [...values].sort(([a], [b]) => (a < b ? -1 : 1))) hash.update(name).update(value);
console.log(JSON.stringify({ sha256: hash.digest('hex'), loss: losses.at(-1) }));
