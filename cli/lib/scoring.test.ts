import { expect, it } from 'vitest';
import { DetectorConfig } from '../../contracts/detector-config.ts';
import { tinyModel } from '../../test/fakes/stage-fixtures.ts';
import { predictJob } from './scoring.ts';

it.each([
  ['faster-rcnn', 1],
  ['ssd', 32],
] as const)('%s is asked of %i pictures at a time', (kind, batchSize) => {
  const model = tinyModel({ detector: DetectorConfig.parse({ kind }) });
  expect(predictJob(model, 'weights', 'images')).toMatchObject({ kind: 'predict', batchSize });
});
