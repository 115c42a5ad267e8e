import { z } from 'zod';
import { resizings } from '../../core/dataset/framing.ts';

/** What the decoder and its child processes say to each other, over the IPC channel. */
const Render = z.object({
  heightPx: z.int().positive(),
  widthPx: z.int().positive(),
  channels: z.union([z.literal(1), z.literal(3)]),
  resize: z.enum(resizings),
  keepAspect: z.object({ minPx: z.number().positive(), maxPx: z.number().positive() }).optional(),
});

/** Pictures of a request, at most: a message costs little against them, and the last ones are soon shared out. */
export const BATCH_PICTURES = 16;
/** Pixels of a request, at most, unless it is of one picture. */
export const BATCH_BYTES = 8 * 2 ** 20;
/** The file descriptor by which a child inherits the hand-over file. */
export const HAND_OVER_FD = 4;

/**
 * Parent → child: pictures to be done in this order; `render: null` only measures. Rendered pixels go to the hand-over
 * file: those of picture i to `offset` + i × heightPx × widthPx × channels. Behind the last is the place of pictures that
 * have a number in `sizes`, one after the other. Their bytes lie there; or, where they are wanted `back`, the child reads all
 * pictures from their paths, and puts there those that have that size.
 */
export const ImageRequest = z.object({
  id: z.int(),
  paths: z.array(z.string()).min(1),
  render: Render.nullable(),
  offset: z.int().nonnegative(),
  sizes: z.array(z.int().nonnegative().nullable()),
  back: z.boolean(),
});
export type ImageRequest = z.infer<typeof ImageRequest>;

/** What became of one picture. */
export const PictureReply = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('info'),
    info: z.object({ format: z.string(), width: z.int(), height: z.int(), channels: z.int(), look: z.string() }),
    /** Whether its bytes are back, where they were wanted. */
    back: z.boolean().optional(),
  }),
  z.object({ kind: z.literal('pixels') }),
  z.object({
    kind: z.literal('problem'),
    problem: z.object({ code: z.string(), seen: z.string(), expected: z.string(), remedy: z.string() }),
  }),
]);
export type PictureReply = z.infer<typeof PictureReply>;

export const ImageReply = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('ready') }),
  /** A picture is done, others of the request are not. */
  z.object({ kind: z.literal('busy') }),
  z.object({ kind: z.literal('done'), id: z.int(), pictures: z.array(PictureReply) }),
]);
export type ImageReply = z.infer<typeof ImageReply>;
