/**
 * Training steps of the detector presets: how long one takes, what of it is making targets, what share is spent in the
 * compiled graph, and the highest memory, each in a process of its own. `--case mobilenet_v1` takes those only.
 */
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { z } from 'zod';
import { detectorPresets, fasterRcnnPresetNames, ssdPresetNames } from '../core/detection/presets.ts';
import { benchOptions, say } from './lib/options.ts';
import { figure, report } from './lib/report.ts';
import type { Row } from './lib/report.ts';

const Measured = z.object({
  inputMs: z.number(),
  stepMs: z.number(),
  share: z.number(),
  peakMb: z.number(),
  parameters: z.number(),
});

const options = benchOptions('case', 'steps');
const steps = options.number('steps', options.quick ? 2 : 8);
const word = options.text('case') ?? '';
const names = [...ssdPresetNames, ...fasterRcnnPresetNames];
const presets = names.filter((name) => name.includes(word));
if (presets.length === 0) options.refuse(`--case: one of ${names.join(', ')} is expected`);
/** Height and width in pixels, and images a step. */
type Shape = readonly [heightPx: number, widthPx: number, batch: number];
const quick: readonly Shape[] = [[128, 128, 4]];
const shapes: Readonly<Record<'ssd' | 'faster-rcnn', readonly Shape[]>> = options.quick
  ? { ssd: quick, 'faster-rcnn': [[256, 256, 1]] }
  : {
      ssd: [
        [128, 128, 16],
        [300, 300, 8],
      ],
      'faster-rcnn': [[600, 1024, 1]],
    };

const rows: Row[] = [];
for (const preset of presets) {
  const { kind, backbone } = detectorPresets[preset];
  for (const [heightPx, widthPx, batch] of shapes[kind]) {
    const input = `${heightPx} × ${widthPx} px, ${batch} a step`;
    say(`${preset} ${input}`);
    const script = fileURLToPath(new URL('./lib/detector-step.ts', import.meta.url));
    // One picture of Faster R-CNN's takes as long as a batch of the others.
    const own = kind === 'ssd' ? steps : Math.ceil(steps / 2);
    const arguments_ = [preset, heightPx, widthPx, batch, own].map(String);
    const { stdout } = await execa(process.execPath, ['--import', import.meta.resolve('tsx'), script, ...arguments_]);
    const { inputMs, stepMs, share, peakMb, parameters } = Measured.parse(JSON.parse(stdout));
    rows.push({
      ...{ preset, backbone, input },
      ...{ 'step ms': figure(stepMs, 1), 'targets ms': figure(inputMs, 1) },
      'in TensorFlow %': figure(100 * share, 1),
      'images/s': figure((1000 * batch) / (stepMs + inputMs), 1),
      ...{ 'peak MiB': figure(peakMb, 0), 'parameters M': figure(parameters / 1e6, 2) },
    });
  }
}
report('Training steps of detector presets, 20 classes, 5 boxes a picture, published augmentation', rows, [
  'In TensorFlow: time within the compiled graph, of the whole step with its targets, which are made one after the other here.',
]);
