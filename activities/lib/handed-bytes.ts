/** Pictures up to this size are handed to the decoder as bytes: to write, open and remove a file costs more than that. */
export const HANDED_BYTES = 256 * 1024;
