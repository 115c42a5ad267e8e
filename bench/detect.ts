/**
 * Training steps of the detector presets: how long one takes, what of it is making targets, what share is spent in the
 * compiled graph, and the highest memory, each in a process of its own. `--case mobilenet_v1` takes those only.
 */
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { z } from 'zod';
import { detectorPresets, ssdPresetNames } from '../core/detection/presets.ts';
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
const presets = ssdPresetNames.filter((name) => name.includes(word));
if (presets.length === 0) options.refuse(`--case: one of ${ssdPresetNames.join(', ')} is expected`);
/** Side in pixels, and images a step. */
const shapes = options.quick
  ? [[128, 4] as const]
  : ([
      [128, 16],
      [300, 8],
    ] as const);

const rows: Row[] = [];
for (const preset of presets) {
  for (const [sidePx, batch] of shapes) {
    say(`${preset} ${sidePx} px, ${batch} images`);
    const script = fileURLToPath(new URL('./lib/detector-step.ts', import.meta.url));
    const arguments_ = [preset, sidePx, batch, steps].map(String);
    const { stdout } = await execa(process.execPath, ['--import', import.meta.resolve('tsx'), script, ...arguments_]);
    const { inputMs, stepMs, share, peakMb, parameters } = Measured.parse(JSON.parse(stdout));
    rows.push({
      ...{ preset, backbone: detectorPresets[preset].backbone, input: `${sidePx} px × ${batch}` },
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
