/** Writes core/backbone-costs.ts from the networks in ml/backbones: `npm run backbone-costs`. */
import { writeFile } from 'node:fs/promises';
import { backboneNames } from '../core/backbone-facts.ts';
import { loadTensorFlow } from '../infra/native/load-tensorflow.ts';
import { blockCostsOf } from '../ml/backbones/costs.ts';
import { createBackbone } from '../ml/backbones/index.ts';

const WIDTH = 118;

/** Rows of as many blocks as fit a line. */
function rows(name: (typeof backboneNames)[number]): string[] {
  const lines: string[] = [];
  let line = '';
  for (const cost of blockCostsOf(createBackbone(name))) {
    const block = `['${cost.name}', ${cost.weights}, ${cost.multiplyAdds}, ${cost.stridePx}, ${cost.channels}],`;
    if (line !== '' && line.length + block.length > WIDTH) {
      lines.push(line);
      line = '';
    }
    line += `${line === '' ? '    ' : ' '}${block}`;
  }
  return [...lines, line];
}

await loadTensorFlow();
const tables = backboneNames.flatMap((name) => [`  '${name}': [`, ...rows(name), '  ],']);
const text = `import type { BackboneName } from './backbone-facts.ts';

/** What a block of a backbone costs on one picture of the backbone's own size (\`defaultSizePx\`). */
export interface BlockCost {
  /** The cut point behind it: \`stem\`, \`blocks.3\`. */
  readonly name: string;
  /** Learned values. */
  readonly weights: number;
  /** Multiply-adds of a forward pass, of convolutions and matrix products alone. */
  readonly multiplyAdds: number;
  /** Pixels of the picture that a cell behind the block stands for, along one side. */
  readonly stridePx: number;
  /** Channels behind the block. */
  readonly channels: number;
}

type Row = readonly [name: string, weights: number, multiplyAdds: number, stridePx: number, channels: number];

/** From the input on. Written by scripts/backbone-costs.ts; ml/backbones/costs.native.test.ts holds it to the networks. */
// prettier-ignore
const rows: Readonly<Record<BackboneName, readonly Row[]>> = {
${tables.join('\n')}
};

/** The blocks of a backbone in order. Multiply-adds at another size go with its area, up to the rounding of odd sides. */
export function blockCosts(backbone: BackboneName): BlockCost[] {
  return rows[backbone].map(([name, weights, multiplyAdds, stridePx, channels]) => {
    return { name, weights, multiplyAdds, stridePx, channels };
  });
}
`;
await writeFile(new URL('../core/backbone-costs.ts', import.meta.url), text);
