/**
 * Stands in for infra/image-process.ts: dies on files named `crash`, hangs on files named `hang`, and dies once, the
 * first time it sees one, on files named `once` (it leaves a mark beside the file).
 */
import { existsSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { ImageRequest } from '../../infra/images/protocol.ts';

process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
process.on('message', (message) => {
  const { id, paths } = ImageRequest.parse(message);
  for (const path of paths) {
    const name = basename(path);
    if (name.startsWith('crash')) process.kill(process.pid, 'SIGSEGV');
    if (name.startsWith('once') && !existsSync(`${path}.seen`)) {
      writeFileSync(`${path}.seen`, '');
      process.exit(3);
    }
    if (name.startsWith('hang')) return;
  }
  const pictures = paths.map((path) => ({
    kind: 'info',
    info: { format: basename(path), width: 1, height: 1, channels: 3, look: '' },
  }));
  setImmediate(() => process.send?.({ kind: 'done', id, pictures }));
});
process.send?.({ kind: 'ready' });
