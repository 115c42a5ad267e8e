import { z } from 'zod';

/** What the decoder and its child process say to each other; structured clones over the IPC channel. */
const Render = z.object({
  heightPx: z.int().positive(),
  widthPx: z.int().positive(),
  channels: z.union([z.literal(1), z.literal(3)]),
  resize: z.enum(['stretch', 'pad', 'crop']),
});

/** Parent → child: `render: null` only measures. */
export const ImageRequest = z.object({ id: z.int(), path: z.string(), render: Render.nullable() });
export type ImageRequest = z.infer<typeof ImageRequest>;

export const ImageReply = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('ready') }),
  z.object({
    kind: z.literal('info'),
    id: z.int(),
    info: z.object({ format: z.string(), width: z.int(), height: z.int(), channels: z.int() }),
  }),
  z.object({
    kind: z.literal('pixels'),
    id: z.int(),
    pixels: z.custom<Uint8Array>((value) => value instanceof Uint8Array),
  }),
  z.object({
    kind: z.literal('problem'),
    id: z.int(),
    problem: z.object({ code: z.string(), seen: z.string(), expected: z.string(), remedy: z.string() }),
  }),
]);
export type ImageReply = z.infer<typeof ImageReply>;
