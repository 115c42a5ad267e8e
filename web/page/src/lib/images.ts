/** Where the server shows a picture of a data set: a locked-down path, images only. */
export const imageUrl = (sha256: string): string => `/api/images/${encodeURIComponent(sha256)}`;
