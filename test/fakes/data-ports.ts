import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeLook, lookOf } from '../../core/dataset/look.ts';
import { compareText } from '../../core/dataset/order.ts';
import { inputError } from '../../core/errors.ts';
import { err, ok } from '../../core/result.ts';
import { eventEncoder } from '../../infra/tensorboard/encode.ts';
import { createLocalFiles } from '../../infra/local-files.ts';
import type { DataPorts } from '../../activities/ports.ts';
import type { DatasetSource } from '../../infra/ports/dataset-source.ts';
import type { ImageDecoder, PictureFile } from '../../infra/ports/image-decoder.ts';
import { createFakeClock } from './clock.ts';
import { createMemoryObjectStore } from './memory-object-store.ts';
import type { MemoryObjectStore, MemoryStoreOptions } from './memory-object-store.ts';

/**
 * Made-up pictures: text of the form `10x20x3 anything` is a picture of that width, height and number of channels,
 * `bad CODE why` is one that can't be used, and each renders to its own colour.
 */
export const pictureText = (name: string, size = '10x20x3'): string => `${size} ${name}`;

export interface FakeImageDecoder extends ImageDecoder {
  /** Texts that were inspected and rendered, in order. */
  readonly inspected: string[];
  readonly rendered: string[];
  /** Called with each text before it is answered; may throw. */
  before: (text: string) => void;
}

export function createFakeImageDecoder(): FakeImageDecoder {
  const read = async (picture: PictureFile, log: string[]): Promise<string> => {
    const text = typeof picture === 'string' ? await readFile(picture, 'utf8') : Buffer.from(picture.bytes).toString();
    decoder.before(text);
    log.push(text);
    return text;
  };
  const decoder: FakeImageDecoder = {
    name: 'fake',
    inspected: [],
    rendered: [],
    before: () => undefined,
    inspect: (pictures) =>
      Promise.all(
        pictures.map(async (picture) => {
          const path = pathOf(picture);
          const text = await read(picture, decoder.inspected);
          const [, code, why] = /^bad (\w+) (.*)$/.exec(text) ?? [];
          if (code !== undefined) return err(inputError(code, path, why ?? ''));
          const [width = 0, height = 0, channels = 0] = (text.split(' ')[0] ?? '').split('x').map(Number);
          return ok({ format: 'png', width, height, channels, look: lookOfText(text) });
        }),
      ),
    read: async (files) => {
      const infos = await decoder.inspect(files.map(({ path }) => path));
      return Promise.all(
        infos.map(async (info, index) => {
          const { path = '', sizeBytes = 0 } = files[index] ?? {};
          if (!info.ok) return info;
          const bytes = await readFile(path);
          return ok({ info: info.value, bytes: bytes.length === sizeBytes ? bytes : null });
        }),
      );
    },
    render: (pictures, { heightPx, widthPx, channels }, into) =>
      Promise.all(
        pictures.map(async (picture, row) => {
          const text = await read(picture, decoder.rendered);
          if (text.startsWith('bad')) return err(inputError('IMAGE_CORRUPT', pathOf(picture), text));
          const rowBytes = heightPx * widthPx * channels;
          into.fill(colourOf(text), row * rowBytes, (row + 1) * rowBytes);
          return ok(undefined);
        }),
      ),
    close: () => Promise.resolve(),
  };
  return decoder;
}

const pathOf = (picture: PictureFile): string => (typeof picture === 'string' ? picture : picture.path);

/** Pictures look alike where the words after `alike` are the same; all others look like nothing else. */
function lookOfText(text: string): string {
  const kind = /alike (\w+)/.exec(text)?.[1] ?? text;
  const noise = [0, 1, 2, 3].map((i) => createHash('sha256').update(`${i} ${kind}`).digest());
  const data = Uint8Array.from(Buffer.concat(noise).subarray(0, 100));
  return Buffer.from(encodeLook(lookOf({ data, width: 10, height: 10, channels: 1 }))).toString('base64');
}

/** The byte that the fake decoder renders a text to. */
export const colourOf = (text: string): number => createHash('sha256').update(text).digest()[0] ?? 0;

/** A data set in memory: text by path; the first folder is the class. Change `files` and it has changed. */
export interface FakeSource extends DatasetSource {
  readonly files: Map<string, string>;
  /** Called at the start of every listing. */
  onList: () => void;
}

export function createFakeSource(
  files: Readonly<Record<string, string>>,
  format: 'folder' | 'csv' = 'folder',
): FakeSource {
  const source: FakeSource = {
    format,
    task: 'classification',
    where: 'memory://set',
    files: new Map(Object.entries(files)),
    onList: () => undefined,
    // A generator without waiting: the listing is in memory.
    async *list() {
      source.onList();
      await Promise.resolve();
      for (const [path, text] of [...source.files].sort(([a], [b]) => compareText(a, b))) {
        const tag = createHash('sha256').update(text).digest('hex').slice(0, 16);
        yield { path, label: path.split('/')[0] ?? '', sizeBytes: Buffer.byteLength(text), tag };
      }
    },
    async fetch(entry, scratchDir) {
      const path = join(scratchDir, createHash('sha256').update(entry.path).digest('hex'));
      await writeFile(path, source.files.get(entry.path) ?? '');
      return path;
    },
  };
  return source;
}

export interface FakeDataPorts extends DataPorts {
  readonly store: MemoryObjectStore;
  readonly images: FakeImageDecoder;
  readonly source: FakeSource;
  /** Calls of the store so far, as `putFile blobs/…`. */
  readonly calls: string[];
  remove(): Promise<void>;
}

/** Ports over memory and a folder of their own, which `remove` deletes. */
export async function createFakeDataPorts(
  files: Readonly<Record<string, string>>,
  before: NonNullable<MemoryStoreOptions['before']> = () => undefined,
): Promise<FakeDataPorts> {
  const dir = await mkdtemp(join(tmpdir(), 'graft-data-'));
  const calls: string[] = [];
  const store = createMemoryObjectStore({
    before: async (call, key) => {
      await before(call, key);
      calls.push(`${call} ${key}`);
    },
  });
  const clock = createFakeClock(Date.now());
  const source = createFakeSource(files);
  return {
    store,
    calls,
    clock,
    events: eventEncoder,
    source,
    images: createFakeImageDecoder(),
    openSource: () => Promise.resolve(source),
    files: createLocalFiles({ store, dir, clock }),
    remove: () => rm(dir, { recursive: true, force: true }),
  };
}

/** `count` pictures for each class, each different. */
export function manyPictures(perClass: Readonly<Record<string, number>>, salt = ''): Record<string, string> {
  const files: Record<string, string> = {};
  for (const [label, count] of Object.entries(perClass)) {
    for (let i = 0; i < count; i++) files[`${label}/${salt}${i}.png`] = pictureText(`${label} ${salt}${i}`);
  }
  return files;
}
