import { z } from 'zod';

/** What every refusal of the API looks like: the parts of a GraftError, as its one line has them. */
export const ApiError = z.object({
  error: z.object({
    code: z.string(),
    /** The whole line. */
    message: z.string(),
    /** What to do about it, where that is known. */
    remedy: z.string().nullable(),
    /** Seconds after which it is worth trying again; null where trying again is no use. */
    retryAfter: z.number().nullable(),
  }),
});
export type ApiError = z.infer<typeof ApiError>;

/** A moment, as ISO 8601 in UTC. */
export const Moment = z.iso.datetime();
export type Moment = z.infer<typeof Moment>;

/** What lists are asked with: where to go on, and how many at most. */
export const pageQuery = {
  cursor: z.string().max(400).optional().describe('From the answer before.'),
  limit: z.coerce.number().int().min(1).max(500).default(50).describe('At most so many.'),
};

/** What every page of a list says of the whole. */
export const pageAnswer = {
  total: z.int().min(0).describe('How many there are in all, with these filters.'),
  cursor: z.string().nullable().describe('Asks for the next page; null on the last.'),
};

/** A pair of numbers, as charts take them. */
export const Point = z.tuple([z.number(), z.number()]);
export type Point = z.infer<typeof Point>;

/** An answer without more to say. */
export const Done = z.object({ done: z.literal(true) });
export type Done = z.infer<typeof Done>;
