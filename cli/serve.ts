import { once } from 'node:events';
import { join } from 'node:path';
import process from 'node:process';
import { Command, InvalidArgumentError } from 'commander';
import { childEnvironment, settings } from '../infra/config.ts';
import { createImageDecoder } from '../infra/images/image-decoder.ts';
import { createLocalFiles } from '../infra/local-files.ts';
import { createMlRunner } from '../infra/ml/ml-runner.ts';
import type { ObjectStore } from '../infra/ports/object-store.ts';
import { startServer } from '../infra/serve/serve.ts';
import type { RunningServer } from '../infra/serve/serve.ts';
import { resolveModel } from '../infra/clients/registry.ts';
import { withStore } from './lib/services.ts';
import { exitCode, outputOf, withCommonOptions } from './output.ts';
import type { Output } from './output.ts';

interface ServeOptions {
  readonly host: string;
  readonly port: number;
  readonly maxBatch?: number;
  readonly queue: number;
  readonly maxBytes: number;
  readonly poll: number;
}

const HELP = `
MODEL is a name (its champion), NAME@VERSION or NAME@ALIAS. An alias is followed: when it moves, the new version is loaded
and warmed beside the old one, then answers. POST a picture to /v1/predict: a classifier answers with classes, a
detector with objects and their boxes, as graft predict --json does. /healthz, /readyz and /metrics (Prometheus) are for
those who watch. SIGTERM takes nothing new, answers what is inside, and ends. There is no access control: beyond
this machine, put it behind a proxy that has one.

Examples:
  graft serve digits
  graft serve digits@challenger --port 8400 --max-batch 32
  curl --data-binary @photo.jpg -H 'content-type: image/jpeg' http://127.0.0.1:8300/v1/predict
  curl --data-binary @street.jpg -H 'content-type: image/jpeg' 'http://127.0.0.1:8300/v1/predict?minScore=0.3&top=20'`;

const MIB = 2 ** 20;

/** `graft serve MODEL`. */
export function serveCommand(): Command {
  const command = withCommonOptions(
    new Command('serve')
      .description('Answer over HTTP with a model, following its alias.')
      .argument('<model>', 'NAME, NAME@VERSION or NAME@ALIAS')
      .option('--host <address>', 'address to listen on', '127.0.0.1')
      .option('--port <port>', 'port to listen on; 0 for any', wholeFrom(0), 8300)
      .option(
        '--max-batch <pictures>',
        'pictures that go through the model together, at most (16; Faster R-CNN: 1)',
        wholeFrom(1),
      )
      .option('--queue <pictures>', 'pictures that may wait; more are refused with 503', wholeFrom(1), 128)
      .option('--max-bytes <bytes>', 'of one picture', wholeFrom(1), 16 * MIB)
      .option('--poll <ms>', 'how often to look where the alias points', wholeFrom(100), 2000)
      .addHelpText('after', HELP),
  );
  return command.action((model: string, options: ServeOptions) =>
    withStore((store) => serve(store, model, options, outputOf(command))),
  );
}

async function serve(store: ObjectStore, reference: string, options: ServeOptions, output: Output): Promise<void> {
  const stopped = stopSignal(output);
  const known = settings();
  const env = childEnvironment({}, { secrets: false });
  const decoder = createImageDecoder({ env });
  const files = createLocalFiles({ store, dir: join(known.stateDir, 'files') });
  const [name = '', alias = 'champion'] = reference.split('@');
  let server: RunningServer | null = null;
  try {
    server = await startServer({
      ...{ store, decoder, ml: createMlRunner({ env, defaultThreads: known.threads }) },
      fetchWeights: (weights) => files.fetch(weights),
      resolve: () => resolveModel(store, reference),
      pointerKey: /^\d+$/.test(alias) ? null : `models/${name}/aliases.json`,
      ...{ alias, host: options.host, port: options.port, maxBatch: options.maxBatch ?? null },
      ...{ maxWaiting: options.queue, maxBytes: options.maxBytes, pollMs: options.poll },
      say: (text) => {
        output.say(text);
      },
      warn: (text) => {
        output.warn(text);
      },
    });
    output.warn(`listening on ${server.url}`);
    await stopped;
    output.say('stopping: what is inside is answered first; once more ends it at once');
  } finally {
    await server?.close();
    await decoder.close();
  }
  output.result({ url: server.url, status: 'stopped' });
}

/** Resolves at the first SIGTERM or SIGINT; a second one ends the process. */
function stopSignal(output: Output): Promise<unknown> {
  const signals = new EventTarget();
  let count = 0;
  const onSignal = (): void => {
    if (++count > 1) {
      output.warn('ended');
      process.exit(exitCode.failed);
    }
    signals.dispatchEvent(new Event('stop'));
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  return once(signals, 'stop');
}

const wholeFrom =
  (least: number) =>
  (text: string): number => {
    const value = Number(text);
    if (Number.isSafeInteger(value) && value >= least) return value;
    throw new InvalidArgumentError(`a whole number from ${least} is needed.`);
  };
