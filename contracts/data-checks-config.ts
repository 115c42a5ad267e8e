import { z } from 'zod';

const warned = z.enum(['fail', 'warn', 'ignore']).default('warn');
const mended = z.enum(['fail', 'warn', 'fix', 'ignore']).default('warn');

/** What happens where validation finds something: `fail` ends the run, `fix` leaves pictures out, and says which. */
export const DataChecksConfig = z.strictObject({
  labelConflicts: mended.describe('One picture under several labels; fix leaves all of its copies out.'),
  copies: mended.describe('The same file twice (copies stay on one side anyhow); fix keeps one.'),
  nearDuplicates: mended.describe(
    'The same picture re-encoded, resized or mirrored (kept on one side anyhow); fix keeps the largest.',
  ),
  leaks: mended.describe('A picture on two of the sides that the data set comes with; fix takes it out of training.'),
  classes: warned.describe('Classes of few images, or far fewer than others.'),
  boxes: warned.describe('Boxes that are too small to be seen at the input size.'),
  pictures: warned.describe('Sizes, shapes, gray among colour, transparency.'),
  testSize: warned.describe('A test that is too small to tell two models apart.'),
  drift: warned.describe('Other classes, shares, sizes or colours than the champion was trained with.'),
});
export type DataChecksConfig = z.infer<typeof DataChecksConfig>;
