/** A worker in small: starts the job in the file it is given, prints the child's pid, and waits to be killed. */
import { readFileSync } from 'node:fs';
import { MlJob } from '../../contracts/ml-protocol.ts';
import { childEnvironment } from '../../infra/config.ts';
import { createMlRunner } from '../../infra/ml/ml-runner.ts';

const job = MlJob.parse(JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')));
const runner = createMlRunner({ env: childEnvironment({}, { secrets: false }) });
const session = runner.start(job, { threads: 1 });
for await (const event of session.events) {
  if (event.kind === 'ready' || event.kind === 'step')
    console.log(JSON.stringify({ kind: event.kind, pid: session.pid }));
}
