/**
 * The image child process: decodes foreign pictures for its parent (infra/images/image-decoder.ts), which restarts it
 * when a picture takes it down. It has no credentials in its environment and goes when its parent is gone.
 */
import { configureSharp, inspectImage, renderImage } from './images/decode.ts';
import { defaultLimits } from './images/limits.ts';
import { ImageRequest } from './images/protocol.ts';
import type { ImageReply } from './images/protocol.ts';

function reply(message: ImageReply): void {
  process.send?.(message);
}

async function answer({ id, path, render }: ImageRequest): Promise<ImageReply> {
  if (render === null) {
    const inspected = await inspectImage(path, defaultLimits);
    return inspected.ok
      ? { kind: 'info', id, info: inspected.value }
      : { kind: 'problem', id, problem: inspected.problem };
  }
  const rendered = await renderImage(path, render, defaultLimits);
  return rendered.ok
    ? { kind: 'pixels', id, pixels: rendered.value }
    : { kind: 'problem', id, problem: rendered.problem };
}

// A decoder stuck in its thread would hold up an orderly exit, and there is nothing to put in order.
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
// The parent decides about signals that a terminal sends to the whole group.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => undefined);

process.on('message', (message) => {
  // What throws here is a bug, not a bad picture: it ends the process, and the parent says which file it was.
  void answer(ImageRequest.parse(message)).then(reply);
});

configureSharp();
reply({ kind: 'ready' });
