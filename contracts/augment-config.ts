import { z } from 'zod';

/**
 * How training images are changed before the network sees them (docs/augmentation.md). Every default is off; the
 * defaults inside a section are where to start once it is on (`blur: {}`).
 */
const share = z.number().min(0).max(1);
const probability = (value: number) => share.default(value).describe('Share of the images that it is done to.');

/** [min, max], both between `low` and `high`; that min is not above max is a cross check with a line of its own. */
const range = (low: number, high: number) => z.tuple([z.number().min(low).max(high), z.number().min(low).max(high)]);
const area = (value: [number, number]) =>
  range(0.01, 1).default(value).describe('[min, max] area, as a share of the picture’s.');
const aspect = (value: [number, number]) =>
  range(0.1, 10).default(value).describe('[min, max] width by height relative to the picture’s: 1 keeps its shape.');
const alpha = (value: number) =>
  z
    .number()
    .positive()
    .max(100)
    .default(value)
    .describe('Shares are drawn from Beta(alpha, alpha): below 1 mostly near 0 or 1, at 1 evenly.');

export const AugmentConfig = z.strictObject({
  flipHorizontal: share.default(0).describe('Probability of a left-right flip of a training image.'),
  flipVertical: share.default(0).describe('Probability of an upside-down flip.'),
  crop: z
    .strictObject({ area: area([0.5, 1]), aspect: aspect([0.75, 1.33]) })
    .nullable()
    .default(null)
    .describe('A random part of the picture, stretched to the whole size; null for none.'),
  zoom: range(0.1, 10)
    .nullable()
    .default(null)
    .describe('[min, max] factor about the centre: above 1 enlarges, below 1 leaves a black border.'),
  rotateDegrees: z
    .number()
    .min(0)
    .max(180)
    .default(0)
    .describe('Turns by at most this many degrees either way; corners that come free are black.'),
  translate: share.default(0).describe('Shifts by at most this share of each side; what comes free is black.'),
  brightness: share.default(0).describe('Adds at most this share of the full scale (255), or takes it away.'),
  contrast: share.default(0).describe('Changes the distance from mid-grey by at most this share.'),
  saturation: share.default(0).describe('Changes the distance from grey by at most this share.'),
  hue: share.max(0.5).default(0).describe('Turns colours by at most this share of the colour circle.'),
  blur: z
    .strictObject({
      probability: probability(0.5),
      sigmaPx: range(0.01, 20).default([0.1, 2]).describe('[min, max] standard deviation of the blur in pixels.'),
    })
    .nullable()
    .default(null)
    .describe('Gaussian blur; null for none.'),
  noise: z
    .strictObject({
      probability: probability(0.5),
      standardDeviation: z
        .number()
        .positive()
        .max(255)
        .default(8)
        .describe('Largest standard deviation on the scale of 0 to 255; each image draws its own, evenly from 0.'),
    })
    .nullable()
    .default(null)
    .describe('Adds Gaussian noise to every channel of every pixel; null for none.'),
  erase: z
    .strictObject({ probability: probability(0.25), area: area([0.02, 0.2]), aspect: aspect([0.3, 3.3]) })
    .nullable()
    .default(null)
    .describe('Covers a random box with mid-grey; null for none.'),
  mixup: z
    .strictObject({ probability: probability(1), alpha: alpha(0.2) })
    .nullable()
    .default(null)
    .describe('Blends an image and its target with the next of the batch; null for none.'),
  cutmix: z
    .strictObject({ probability: probability(1), alpha: alpha(1) })
    .nullable()
    .default(null)
    .describe('Puts a box of the next image of the batch into an image, and its target by area; null for none.'),
  boxCrop: z
    .strictObject({
      minCovered: z
        .array(share)
        .min(1)
        .default([0, 0.1, 0.3, 0.5, 0.7, 0.9, 1])
        .describe('One of these is drawn: the share of some object that the part must show.'),
      keep: share.default(0.15).describe('Share of the images that stay whole.'),
      area: area([0.1, 1]),
      aspect: aspect([0.5, 2]),
      minKept: share.default(0.3).describe('An object of which less is left inside does not count any more.'),
    })
    .optional()
    .describe('Detection: SSD’s random part of the picture, stretched to the whole size; none where absent.'),
  cachedVariants: z
    .int()
    .positive()
    .max(1000)
    .nullable()
    .default(null)
    .describe(
      'Behind a frozen trunk: draw each image this often, keep what the trunk makes of it, and take turns; null draws anew in every epoch.',
    ),
});
export type AugmentConfig = z.infer<typeof AugmentConfig>;
