import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { picture } from '../../test/fakes/image-fixtures.ts';
import type { ImageDecoder } from '../ports/image-decoder.ts';
import { createImageDecoder } from './image-decoder.ts';
import type { ImageDecoderOptions } from './image-decoder.ts';

const CRASHING = fileURLToPath(new URL('../../test/fakes/crashing-image-process.ts', import.meta.url));
const env = { PATH: process.env['PATH'] ?? '', AWS_SECRET_ACCESS_KEY: 'canary' };

let folder: string;
const open: ImageDecoder[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'graft-decoder-'));
});
afterEach(async () => {
  for (const decoder of open.splice(0)) await decoder.close();
});
afterAll(() => rm(folder, { recursive: true }));

function decoderOf(options: Partial<ImageDecoderOptions> = {}): ImageDecoder {
  const decoder = createImageDecoder({ env, ...options });
  open.push(decoder);
  return decoder;
}

/** Format or error code, in order. */
async function verdicts(decoder: ImageDecoder, names: readonly string[]): Promise<string[]> {
  const results = await decoder.inspect(names.map((name) => join(folder, name)));
  return results.map((result) => (result.ok ? result.value.format : result.error.code));
}

describe('createImageDecoder', { timeout: 60_000 }, () => {
  it('inspects and renders in the order given, bad pictures among good ones', async () => {
    const decoder = decoderOf();
    const names: string[] = [];
    for (let i = 0; i < 12; i++) {
      names.push(`${i}.jpg`);
      const bytes =
        i % 4 === 3
          ? Buffer.from('text')
          : await picture(20 + i, 10)
              .jpeg()
              .toBuffer();
      await writeFile(join(folder, `${i}.jpg`), bytes);
    }
    const paths = names.map((name) => join(folder, name));
    const infos = await decoder.inspect(paths);
    infos.forEach((info, i) => {
      if (i % 4 === 3) expect(!info.ok && info.error.message).toContain(`IMAGE_TYPE_MISMATCH: ${paths[i]} — text`);
      else expect(info.ok && info.value.width).toBe(20 + i);
    });
    const spec = { heightPx: 5, widthPx: 7, channels: 3, resize: 'stretch' } as const;
    const pixels = new Uint8Array(12 * 5 * 7 * 3);
    const rendered = await decoder.render(paths, spec, pixels);
    expect(rendered.map((result) => (result.ok ? 'ok' : result.error.code))).toEqual(
      paths.map((_, i) => (i % 4 === 3 ? 'IMAGE_TYPE_MISMATCH' : 'ok')),
    );
    const again = new Uint8Array(pixels.length);
    await decoder.render(paths, spec, again);
    expect(again).toEqual(pixels);
  });

  it('renders the same bytes whatever the number of processes, the order and the company', async () => {
    const paths: string[] = [];
    for (let i = 0; i < 70; i++) {
      const path = join(folder, `mixed-${i}.${i % 7 === 0 ? 'png' : 'jpg'}`);
      const made = picture(30 + i, 90 - i, i);
      await writeFile(path, await (i % 7 === 0 ? made.png() : made.jpeg()).toBuffer());
      paths.push(path);
    }
    const spec = { heightPx: 11, widthPx: 13, channels: 3, resize: 'pad' } as const;
    const rowBytes = 11 * 13 * 3;
    const rendered = async (decoder: ImageDecoder, order: readonly number[]): Promise<Uint8Array[]> => {
      const pixels = new Uint8Array(order.length * rowBytes);
      const asked = order.map((i) => paths[i] ?? '');
      expect((await decoder.render(asked, spec, pixels)).every(({ ok }) => ok)).toBe(true);
      const rows = new Map(order.map((i, row) => [i, pixels.slice(row * rowBytes, (row + 1) * rowBytes)]));
      return paths.map((_, i) => rows.get(i) ?? new Uint8Array());
    };
    const order = paths.map((_, i) => i);
    const one = await rendered(decoderOf({ processes: 1 }), order);
    expect(await rendered(decoderOf({ processes: 3 }), [...order].reverse())).toEqual(one);
    const alone = decoderOf({ processes: 2 });
    for (const i of [0, 1, 33, 69]) {
      const pixels = new Uint8Array(rowBytes);
      await alone.render([paths[i] ?? ''], spec, pixels);
      expect(pixels).toEqual(one[i]);
    }
  });

  it('makes of bytes what it makes of their file', async () => {
    const decoder = decoderOf({ processes: 2 });
    const files: { path: string; bytes: Buffer }[] = [];
    for (let i = 0; i < 40; i++) {
      const path = join(folder, `handed-${i}.${i % 5 === 1 ? 'png' : 'jpg'}`);
      const bytes =
        i % 8 === 3
          ? Buffer.alloc(i % 16 === 11 ? 0 : 9)
          : await picture(20 + i, 60 - i, i)
              .jpeg()
              .toBuffer();
      await writeFile(path, bytes);
      files.push({ path, bytes });
    }
    const paths = files.map(({ path }) => path);
    // Of some only the name is there.
    const handed = files.map((file, i) => (i % 3 === 0 ? file.path : { ...file, path: `/nowhere/${i}-${file.path}` }));
    const codes = (results: Awaited<ReturnType<ImageDecoder['inspect']>>): unknown[] =>
      results.map((result) => (result.ok ? result.value : result.error.code));
    const inspected = codes(await decoder.inspect(handed));
    expect(inspected).toEqual(codes(await decoder.inspect(paths)));
    for (const code of ['IMAGE_EMPTY', 'IMAGE_TYPE_MISMATCH']) expect(inspected).toContain(code);
    const spec = { heightPx: 6, widthPx: 5, channels: 3, resize: 'pad' } as const;
    const [fromFiles, fromBytes] = [new Uint8Array(40 * 90), new Uint8Array(40 * 90)];
    await decoder.render(paths, spec, fromFiles);
    await decoder.render(handed, spec, fromBytes);
    expect(fromBytes).toEqual(fromFiles);
  });

  it('hands over what it inspected of small files, among other work', async () => {
    const decoder = decoderOf({ processes: 2 });
    const files: { path: string; sizeBytes: number; bytes: Buffer }[] = [];
    for (let i = 0; i < 60; i++) {
      const path = join(folder, `read-${i}.jpg`);
      const good = picture(20 + i, 60 - (i % 40), i);
      const bytes = i % 8 === 3 ? Buffer.from(`no picture ${i}`) : await good.jpeg().toBuffer();
      await writeFile(path, bytes);
      files.push({ path, bytes, sizeBytes: bytes.length });
    }
    const listed = files.map(({ path, sizeBytes }, i) => ({ path, sizeBytes: sizeBytes + (i % 10 === 0 ? 1 : 0) }));
    const spec = { heightPx: 6, widthPx: 5, channels: 3, resize: 'pad' } as const;
    const paths = files.map(({ path }) => path);
    const [pixels, again] = [new Uint8Array(60 * 90), new Uint8Array(60 * 90)];
    const handed = files.map(({ path, bytes }) => ({ path, bytes }));
    const [inspected, read] = await Promise.all([
      decoder.inspect(paths),
      decoder.read(listed),
      decoder.render(handed, spec, pixels),
    ]);
    for (const [i, { bytes }] of files.entries()) {
      const [one, other] = [read[i], inspected[i]];
      if (i % 8 === 3) expect(one).toMatchObject({ ok: false, error: { code: 'IMAGE_TYPE_MISMATCH' } });
      else expect(one?.ok === true && other?.ok === true && one.value.info).toEqual(other?.ok === true && other.value);
      if (one?.ok !== true) continue;
      expect(one.value.bytes && Buffer.from(one.value.bytes)).toEqual(i % 10 === 0 ? null : bytes);
    }
    await decoder.render(paths, spec, again);
    expect(again).toEqual(pixels);
    const [gone] = await decoder.read([{ path: join(folder, 'gone.jpg'), sizeBytes: 1 }]);
    expect(gone).toMatchObject({ ok: false, error: { code: 'IMAGE_UNREADABLE' } });
  });

  it('goes on in another process when one is killed in the middle of its work', async () => {
    const decoder = decoderOf({ processes: 2 });
    const bytes = await picture(800, 600).jpeg({ progressive: true }).toBuffer();
    const paths = Array.from({ length: 64 }, (_, i) => join(folder, `killed-${i}.jpg`));
    for (const path of paths) await writeFile(path, bytes);
    const spec = { heightPx: 64, widthPx: 64, channels: 3, resize: 'stretch' } as const;
    const pixels = new Uint8Array(paths.length * 64 * 64 * 3);
    await decoder.render(paths.slice(0, 8), spec, pixels);
    const asked = decoder.render(paths, spec, pixels);
    const { stdout } = await promisify(execFile)('pgrep', ['-P', String(process.pid), '-f', 'image-process']);
    const [first] = stdout.trim().split('\n').map(Number);
    if (first) process.kill(first, 'SIGKILL');
    expect((await asked).every(({ ok }) => ok)).toBe(true);
    const rows = new Set(paths.map((_, i) => Buffer.from(pixels.subarray(i * 12288, (i + 1) * 12288)).toString('hex')));
    expect(rows.size).toBe(1);
  });

  it('blames the picture that takes the decoder down, and no other', async () => {
    const decoder = decoderOf({ entry: CRASHING, processes: 4 });
    expect(await verdicts(decoder, ['a', 'b', 'crash', 'c', 'once', 'd'])).toEqual([
      ...['a', 'b', 'IMAGE_CRASHED'],
      ...['c', 'once', 'd'],
    ]);
    expect(await verdicts(decoder, ['f'])).toEqual(['f']);
  });

  it('gives up on a picture that takes too long, and on no other', async () => {
    const decoder = decoderOf({ entry: CRASHING, processes: 4, timeoutMs: 300 });
    expect(await verdicts(decoder, ['a', 'hang', 'b', 'c'])).toEqual(['a', 'IMAGE_TIMEOUT', 'b', 'c']);
  });

  it('says so when the child cannot start', async () => {
    const entry = join(folder, 'never-starts.ts');
    await writeFile(entry, 'throw new Error("no decoder here");');
    const asked = decoderOf({ entry }).inspect([join(folder, 'a')]);
    await expect(asked).rejects.toMatchObject({ code: 'IMAGE_DECODER', kind: 'failed' });
    await expect(asked).rejects.toThrow('no decoder here');
  });

  it('stops waiting when asked to, and works on', async () => {
    const decoder = decoderOf({ entry: CRASHING, processes: 1, timeoutMs: 60_000 });
    const stop = new AbortController();
    const asked = decoder.inspect([join(folder, 'hang'), join(folder, 'a')], stop.signal);
    stop.abort();
    await expect(asked).rejects.toMatchObject({ code: 'CANCELLED', kind: 'cancelled' });
    await expect(decoder.inspect([join(folder, 'b')], stop.signal)).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(await verdicts(decoder, ['b'])).toEqual(['b']);
  });

  it('rejects what is under way when it is closed', async () => {
    const decoder = decoderOf({ entry: CRASHING });
    const asked = decoder.inspect([join(folder, 'hang')]);
    const refused = expect(asked).rejects.toMatchObject({ code: 'CANCELLED' });
    await decoder.close();
    await refused;
  });

  it('gives the child no credentials', async () => {
    const entry = join(folder, 'environment.ts');
    const seen = join(folder, 'environment.json');
    await writeFile(
      entry,
      `import { writeFileSync } from 'node:fs';
       writeFileSync(${JSON.stringify(seen)}, JSON.stringify(process.env));
       process.on('message', (m: any) => process.send!({ kind: 'done', id: m.id, pictures: [{ kind: 'info', info: { format: 'x', width: 1, height: 1, channels: 1, look: '' } }] }));
       process.on('disconnect', () => process.exit());
       process.send!({ kind: 'ready' });`,
    );
    expect(await verdicts(decoderOf({ entry }), ['a'])).toEqual(['x']);
    const environment = await readFile(seen, 'utf8');
    expect(environment).toContain('PATH');
    expect(environment).not.toContain('canary');
  });

  it('keeps no process alive that forgot to close it, and the child goes with its parent', async () => {
    const module = pathToFileURL(fileURLToPath(new URL('image-decoder.ts', import.meta.url))).href;
    const script = join(folder, 'forgetful.mts');
    await writeFile(join(folder, 'last.jpg'), await picture().jpeg().toBuffer());
    await writeFile(
      script,
      `const { createImageDecoder } = await import(${JSON.stringify(module)});
       const [seen] = await createImageDecoder({ env: {} }).inspect([${JSON.stringify(join(folder, 'last.jpg'))}]);
       console.log(seen.value.format);`,
    );
    const tsx = import.meta.resolve('tsx');
    const { stdout } = await promisify(execFile)(process.execPath, ['--import', tsx, script], { timeout: 20_000 });
    expect(stdout.trim()).toBe('jpeg');
  });
});
