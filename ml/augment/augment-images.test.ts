import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, vi } from 'vitest';
import { describeAugmentation } from '../../test/lib/augment-cases.ts';

beforeAll(async () => {
  vi.spyOn(console, 'warn').mockImplementation(() => undefined);
  await tf.setBackend('cpu');
});

describe('augmentation in plain JavaScript', describeAugmentation);
