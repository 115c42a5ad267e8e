/**
 * An image child process: decodes foreign pictures for its parent (infra/images/image-decoder.ts), which restarts it
 * when a picture takes it down. It has no credentials in its environment and goes when its parent is gone.
 */
import { writeSync } from 'node:fs';
import { PictureDecoder, configureSharp } from './images/decode.ts';
import { defaultLimits } from './images/limits.ts';
import type { HeldBytes } from './images/read-image.ts';
import { HAND_OVER_FD, ImageRequest } from './images/protocol.ts';
import type { ImageReply, PictureReply } from './images/protocol.ts';
import { loadResampler } from './images/resample/native-resampler.ts';
import { loadTurbo, turboLibrary } from './images/turbo-jpeg.ts';

/** So often the parent hears that a request of many pictures goes on. */
const BUSY_EVERY_MS = 1000;

configureSharp();
const [, , resampler] = process.argv;
const decoder = new PictureDecoder({
  limits: defaultLimits,
  turbo: loadTurbo(),
  resampler: resampler === undefined ? null : loadResampler(resampler, turboLibrary()),
});

function reply(message: ImageReply): void {
  process.send?.(message);
}

async function answer({ id, paths, render, offset, sizes, back }: ImageRequest): Promise<void> {
  const pictures: PictureReply[] = [];
  const rowBytes = render === null ? 0 : render.heightPx * render.widthPx * render.channels;
  let placeAt = offset + paths.length * rowBytes;
  let heardMs = performance.now();
  for (const [i, path] of paths.entries()) {
    const size = sizes[i] ?? null;
    const place = size === null ? null : { file: HAND_OVER_FD, offset: placeAt, size };
    placeAt += size ?? 0;
    pictures.push(await pictureOf({ path, place, back }, render, offset + i * rowBytes));
    if (performance.now() - heardMs < BUSY_EVERY_MS) continue;
    heardMs = performance.now();
    reply({ kind: 'busy' });
  }
  reply({ kind: 'done', id, pictures });
}

interface Picture {
  readonly path: string;
  /** Of its bytes in the hand-over file; null where nobody has them or wants them. */
  readonly place: HeldBytes | null;
  /** Whether it is the child that reads the bytes and puts them there. */
  readonly back: boolean;
}

async function pictureOf(
  { path, place, back }: Picture,
  render: ImageRequest['render'],
  offset: number,
): Promise<PictureReply> {
  const held = back ? null : place;
  if (render === null) {
    let isBack = false;
    const read = (bytes: Uint8Array): void => {
      if (!back || place?.size !== bytes.length) return;
      handOver(bytes, place.offset);
      isBack = true;
    };
    const inspected = await decoder.inspect(path, held, read);
    if (!inspected.ok) return { kind: 'problem', problem: inspected.problem };
    return { kind: 'info', info: inspected.value, back: isBack };
  }
  const rendered = await decoder.render(path, render, held);
  if (!rendered.ok) return { kind: 'problem', problem: rendered.problem };
  handOver(rendered.value, offset);
  return { kind: 'pixels' };
}

function handOver(bytes: Uint8Array, offset: number): void {
  for (let at = 0; at < bytes.length;) {
    at += writeSync(HAND_OVER_FD, bytes, at, bytes.length - at, offset + at);
  }
}

// A decoder stuck in its thread would hold up an orderly exit, and there is nothing to put in order.
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
// The parent decides about signals that a terminal sends to the whole group.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => undefined);

let last = Promise.resolve();
process.on('message', (message) => {
  // What throws here is a bug, not a bad picture: it ends the process, and the parent says which files it was.
  const request = ImageRequest.parse(message);
  last = last.then(() => answer(request));
});

reply({ kind: 'ready' });
