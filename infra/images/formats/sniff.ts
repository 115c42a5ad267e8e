/** Formats that are decoded. */
export const acceptedFormats = ['jpeg', 'png', 'webp', 'gif', 'tiff'] as const;
export type AcceptedFormat = (typeof acceptedFormats)[number];

/** What the first bytes of a file say it is. */
export type Sniffed =
  | { readonly kind: 'accepted'; readonly format: AcceptedFormat }
  /** A known picture or document type that is not decoded here: scripts, external references, patents or rare codecs. */
  | { readonly kind: 'blocked'; readonly name: string }
  | { readonly kind: 'other'; readonly description: string };

const ACCEPTED: readonly (readonly [AcceptedFormat, RegExp])[] = [
  ['jpeg', /^\xff\xd8\xff/],
  ['png', /^\x89PNG\r\n\x1a\n/],
  ['gif', /^GIF8[79]a/],
  ['webp', /^RIFF[^]{4}WEBP/],
  ['tiff', /^(?:II\*\0|MM\0\*|II\+\0|MM\0\+)/],
];

const BLOCKED: readonly (readonly [string, RegExp])[] = [
  ['PDF', /^[^]{0,64}%PDF-/],
  ['PostScript', /^%!PS/],
  ['AVIF', /^[^]{4}ftypavi[fs]/],
  ['HEIC', /^[^]{4}ftyp(?:hei[cxms]|hev[cxms]|mif1|msf1)/],
  ['JPEG XL', /^(?:\xff\x0a|\0\0\0\x0cJXL )/],
  ['JPEG 2000', /^(?:\0\0\0\x0cjP {2}|\xff\x4f\xff\x51)/],
  ['BMP', /^BM[^]{4}\0\0\0\0/],
  ['ICO', /^\0\0[\x01\x02]\0/],
  ['PSD', /^8BPS/],
];

/** Enough for the text that may come before an SVG's root element. */
const SNIFFED_BYTES = 4096;

export function sniff(bytes: Buffer): Sniffed {
  const head = bytes.subarray(0, SNIFFED_BYTES).toString('latin1');
  for (const [format, magic] of ACCEPTED) if (magic.test(head)) return { kind: 'accepted', format };
  for (const [name, magic] of BLOCKED) if (magic.test(head)) return { kind: 'blocked', name };
  if (isSvg(head)) return { kind: 'blocked', name: 'SVG' };
  const first = bytes.subarray(0, 8);
  // Printable in ASCII or UTF-8; no format of pictures begins so.
  const text = /^[\t\n\r\x20-\x7e\x80-\xff]+$/.test(head.slice(0, 512)) && !head.startsWith('RIFF');
  return { kind: 'other', description: text ? 'text' : `bytes that begin with ${first.toString('hex')}` };
}

const EXTENSIONS: Readonly<Record<string, AcceptedFormat>> = {
  jpg: 'jpeg',
  jpeg: 'jpeg',
  jpe: 'jpeg',
  jfif: 'jpeg',
  png: 'png',
  apng: 'png',
  webp: 'webp',
  gif: 'gif',
  tif: 'tiff',
  tiff: 'tiff',
};

/** The format that a file name promises, if it promises one. */
export function promisedFormat(extension: string): AcceptedFormat | undefined {
  return Object.hasOwn(EXTENSIONS, extension) ? EXTENSIONS[extension] : undefined;
}

/** Steps over what may come before the root element: byte-order mark, declarations, comments, a DOCTYPE. */
function isSvg(head: string): boolean {
  let rest = head.replace(/^\xef\xbb\xbf/, '').trimStart();
  for (;;) {
    const end = rest.startsWith('<?')
      ? after(rest, '?>')
      : rest.startsWith('<!--')
        ? after(rest, '-->')
        : /^<!doctype/i.test(rest)
          ? after(rest, /^[^>]*\[/.test(rest) ? ']>' : '>')
          : 0;
    if (end === 0) return /^<(?:[\w-]+:)?svg[\s/>]/i.test(rest);
    rest = rest.slice(end).trimStart();
  }
}

/** The index behind the first `mark`; the end of the text where there is none. */
function after(text: string, mark: string): number {
  const at = text.indexOf(mark);
  return at < 0 ? text.length : at + mark.length;
}
