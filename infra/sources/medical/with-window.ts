import { open, readFile, rm, writeFile } from 'node:fs/promises';
import sharp from 'sharp';
import { extensionOf } from '../../../core/dataset/names.ts';
import { windowed } from '../../../core/dataset/window.ts';
import type { Window } from '../../../core/dataset/window.ts';
import { inputError } from '../../../core/errors.ts';
import { defaultLimits } from '../../images/limits.ts';
import type { DatasetSource, SourceEntry } from '../../ports/dataset-source.ts';
import { copyPath } from '../tree/store-tree.ts';
import { isDicom, readDicom } from './dicom.ts';
import { readGray16 } from './png16.ts';

/**
 * The same source with its medical pictures made into plain ones as they are fetched: DICOM always, 16-bit gray PNG where a
 * window is asked for (without one the upper half of the bits is shown, as of any picture). A tag says by which window.
 */
export function withWindow(source: DatasetSource, window: Window | null): DatasetSource {
  return {
    ...source,
    async *list(signal) {
      for await (const entry of source.list(signal)) yield shownEntry(entry, window);
    },
    async fetch(entry, scratchDir, signal) {
      const path = await source.fetch(entry, scratchDir, signal);
      if (entry.converted !== true) return path;
      const made = await convert(path, entry.path, scratchDir, window);
      if (made !== null && path.startsWith(scratchDir)) await rm(path, { force: true });
      return made ?? path;
    },
  };
}

function shownEntry(entry: SourceEntry, window: Window | null): SourceEntry {
  const extension = extensionOf(entry.path);
  const medical =
    extension === 'dcm' || extension === 'dicom' || extension === '' || (window !== null && extension === 'png');
  if (!medical) return entry;
  const tag = window === null ? entry.tag : `${entry.tag} window ${window.center}/${window.width}`;
  return { ...entry, tag, converted: true };
}

/** Null for a file that stays as it is. */
async function convert(path: string, name: string, scratchDir: string, window: Window | null): Promise<string | null> {
  const head = await headOf(path);
  if (isDicom(head)) {
    const shown = readDicom(await readWhole(path, name), name, window);
    if (shown.kind === 'jpeg') {
      const to = copyPath(`${name}.jpg`, scratchDir);
      await writeFile(to, shown.data);
      return to;
    }
    return writePng(shown.data, shown, copyPath(`${name}.png`, scratchDir));
  }
  if (window === null || head.toString('latin1', 1, 4) !== 'PNG') return null;
  const gray = readGray16(await readWhole(path, name));
  if (gray === null) return null;
  const shown = Uint8Array.from(gray.values, (value) => Math.round(windowed(value, window)));
  return writePng(shown, { ...gray, channels: 1 }, copyPath(`shown/${name}`, scratchDir));
}

async function headOf(path: string): Promise<Buffer> {
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(132), 0, 132, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

async function readWhole(path: string, name: string): Promise<Buffer> {
  const file = await open(path, 'r');
  const { size } = await file.stat().finally(() => file.close());
  if (size <= defaultLimits.maxBytes) return readFile(path);
  throw inputError('IMAGE_BYTES', name, `${size} bytes`, `at most ${defaultLimits.maxBytes}`, 'split it');
}

/** The same bytes for the same pixels: the blob's hash, and with it the data set's version, rests on them. */
async function writePng(
  data: Uint8Array,
  { width, height, channels }: { width: number; height: number; channels: 1 | 3 },
  to: string,
): Promise<string> {
  const picture = sharp(data, { raw: { width, height, channels } });
  await (channels === 1 ? picture.toColourspace('b-w') : picture).png({ compressionLevel: 6 }).toFile(to);
  return to;
}
