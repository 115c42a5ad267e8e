import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { leavesOf } from '../../core/tfod/leaves.ts';
import { parseTextFormat } from '../../core/tfod/text-format.ts';

/** Of tensorflow/models research/object_detection/samples/configs, and the SHA-256 of the fields and values of each file there. */
export const publishedConfigs = {
  ssd_mobilenet_v1_pets: '44d2deb4f9643b4921935f25d866d5d044a2fd591f2242e3b21f0a97fa9d104e',
  ssd_inception_v2_coco: '8b5928fa25eb096bce0e79cf8b8d5c2a4bcb1f423ba110c7d4310be7563fcac6',
  faster_rcnn_inception_v2_pets: '9866b90b3ae786a17260f6e1422b2d91df3719292a55151466e89610127d044f',
  faster_rcnn_resnet50_coco: 'f09eaab7376567e0b324f0a38a9e347773d1aa7331366751cac380fcbbc777d9',
} as const;
export type PublishedConfig = keyof typeof publishedConfigs;

const fixtures = fileURLToPath(new URL('../fixtures/pipeline-config', import.meta.url));
const textIn = (folder: string, name: PublishedConfig): string => readFileSync(join(folder, `${name}.config`), 'utf8');

/** Set down anew, with the same fields and values. */
export const fixtureText = (name: PublishedConfig): string => textIn(fixtures, name);

/** The published file as it is, where GRAFT_PIPELINE_CONFIGS names the folder that has it; else what stands for it. */
export const publishedText = (name: PublishedConfig): string =>
  textIn(process.env['GRAFT_PIPELINE_CONFIGS'] ?? fixtures, name);

/** SHA-256 of all fields with their values, in the order of the file; white space and comments do not count. */
export function fieldsSha256(text: string): string {
  const fields = leavesOf(parseTextFormat(text, 'published')).map(({ path, values }) => [path, values]);
  return createHash('sha256').update(JSON.stringify(fields)).digest('hex');
}
