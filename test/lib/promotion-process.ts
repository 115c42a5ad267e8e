/**
 * Promotes a run's model, or rolls back, in a process of its own that ends by SIGKILL before operation `n` of the store;
 * prints how many there were where it got to its end. The job is one JSON argument.
 */
import { writeSync } from 'node:fs';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { createAliasActivities } from '../../activities/promote/change-alias.ts';
import { createPromoteActivities } from '../../activities/promote/promote.ts';
import type { TrainPorts } from '../../activities/ports.ts';
import { AliasChangeInput, AliasChangePlan } from '../../contracts/alias-change.ts';
import { PromoteInput } from '../../contracts/stages.ts';
import { createS3ObjectStore } from '../../infra/s3/s3-object-store.ts';
import type { ObjectStore } from '../../infra/ports/object-store.ts';
import { systemClock } from '../../infra/system-clock.ts';

const job = JSON.parse(process.argv[2] ?? '{}');
let operations = 0;
const before = (): void => {
  if (++operations === job.killAt) process.kill(process.pid, 'SIGKILL');
};
const real = createS3ObjectStore(job.store);
const store: ObjectStore = {
  bucket: real.bucket,
  put: (...args) => (before(), real.put(...args)),
  putIfAbsent: (...args) => (before(), real.putIfAbsent(...args)),
  putIfMatch: (...args) => (before(), real.putIfMatch(...args)),
  putFile: (...args) => (before(), real.putFile(...args)),
  get: (...args) => (before(), real.get(...args)),
  getFile: (...args) => (before(), real.getFile(...args)),
  stream: (...args) => (before(), real.stream(...args)),
  head: (...args) => (before(), real.head(...args)),
  list: (...args) => (before(), real.list(...args)),
  delete: (...args) => (before(), real.delete(...args)),
};
const unused = (): never => {
  throw new Error('a promotion needs no such port');
};
const files = { fetch: unused, scratch: unused, removeScratch: unused } as unknown as TrainPorts['files'];
const ports = { store, clock: systemClock, graftVersion: '0.0.0-test', files } as TrainPorts;
const environment = new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR', () => undefined) });
if (job.promote) {
  await environment.run(createPromoteActivities(ports).promoteModel, PromoteInput.parse(job.promote));
} else {
  const change = AliasChangeInput.parse(job.change);
  const { planAliasChange, applyAliasChange } = createAliasActivities(ports);
  const plan = AliasChangePlan.parse(await environment.run(planAliasChange, change));
  await environment.run(applyAliasChange, { ...change, ...plan, check: 'a test' });
}
writeSync(1, `${operations}\n`);
real.close();
process.exit(0);
