import { mkdtempSync, rmSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AliasChangeInput, AliasChangeResult } from '../../contracts/alias-change.ts';
import { EvaluateJob } from '../../contracts/ml-protocol.ts';
import { PromoteConfig } from '../../contracts/pipeline-config.ts';
import { encodeSafetensors } from '../../core/checkpoint/safetensors.ts';
import { float32Tensor } from '../../core/checkpoint/tensor-data.ts';
import { asRunId } from '../../core/ids.ts';
import { checkModel, entriesOf, readLedger } from '../../infra/clients/ledger.ts';
import { createKillSwitch, survives } from '../../test/fakes/kill-switch.ts';
import type { KillSwitch } from '../../test/fakes/kill-switch.ts';
import { createMemoryObjectStore } from '../../test/fakes/memory-object-store.ts';
import type { MemoryObjectStore } from '../../test/fakes/memory-object-store.ts';
import { createScriptedMlRunner } from '../../test/fakes/scripted-ml-runner.ts';
import type { Script } from '../../test/fakes/scripted-ml-runner.ts';
import {
  hashOf,
  putDataset,
  putEvaluated,
  putGate,
  putPrepared,
  putTrained,
  tinyModel,
} from '../../test/fakes/stage-fixtures.ts';
import { fakePorts } from '../../test/fakes/train-ports.ts';
import { readAliases, readVersion } from '../lib/registry.ts';
import { createAliasActivities } from './change-alias.ts';
import { createPromoteActivities } from './promote.ts';

let kill: KillSwitch;
let store: MemoryObjectStore;
let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'graft-alias-'));
  kill = createKillSwitch();
  store = createMemoryObjectStore({ before: kill.before });
});
afterEach(() => rmSync(dir, { recursive: true }));

const ROWS = 4;
/** What weights of this text say of every image: their first digits as every logit. */
const logitsOf = (text: string): Uint8Array =>
  encodeSafetensors(
    new Map([['logits', float32Tensor(new Float32Array(ROWS * 2).fill(Number.parseInt(text, 10)), [ROWS, 2])]]),
  );
const answersBy =
  (skew: string = ''): Script =>
  async ({ job, emit }) => {
    const { weightsPath, outputPath, side } = EvaluateJob.parse(job);
    await writeFile(outputPath, logitsOf(skew || (await readFile(weightsPath, 'utf8'))));
    emit({ kind: 'evaluated', rows: side.rows });
  };

/** A version whose run has passed the gate, and that is champion then. */
async function promoted(weights: string, classes = ['cat', 'dog']): Promise<void> {
  const against = (await readAliases(store, 'pets')).value.aliases['champion'];
  await createPromoteActivities({ ...fakePorts({ store, dir, ml: createScriptedMlRunner([]) }) }).promoteModel({
    model: 'pets',
    promote: PromoteConfig.parse({}),
    requestedBy: 'ada',
    gateManifestKey: await putGate(store, 'promote', weights, against),
    evidence: {
      ...{ runId: asRunId(`run-${weights}`), datasetName: 'pets', datasetManifestKey: await putDataset(store) },
      splitManifestKey: `stages/split/${hashOf('split')}/manifest.json`,
      prepareManifestKey: (await putPrepared(store, { classes })).manifestKey,
      trainManifestKey: (await putTrained(store, { weights, model: tinyModel({ classes }) })).manifestKey,
      evaluateManifestKey: await putEvaluated(store, 0.9, weights, logitsOf(weights)),
    },
  });
}

const asked = (overrides: Partial<AliasChangeInput> = {}): AliasChangeInput => ({
  ...{ requestId: 'request-1', model: 'pets', alias: 'champion', action: 'rollback', to: null },
  ...{ actor: 'bob', reason: 'complaints', allowClassMapChange: false, skipCheck: false },
  ...overrides,
});

/** As changeAliasWorkflow goes; each step is tried again where it was killed, as Temporal does. */
async function change(input: AliasChangeInput, script: Script = answersBy(), tries = 1): Promise<AliasChangeResult> {
  const ml = createScriptedMlRunner(Array.from({ length: tries }, () => script));
  const activities = createAliasActivities(fakePorts({ store, dir, ml }));
  const step = async <T>(work: () => Promise<T>): Promise<T> => {
    let answer: { value: T } | null = null;
    if (await survives(work().then((value) => void (answer = { value })))) return answer!.value;
    kill.disarm();
    return work();
  };
  const plan = await step(() => activities.planAliasChange(input));
  const check = input.skipCheck
    ? 'not checked'
    : await step(() => activities.checkModelVersion({ model: input.model, version: plan.to }));
  return step(() => activities.applyAliasChange({ ...input, ...plan, check }));
}

const champion = async (): Promise<number | undefined> => (await readAliases(store, 'pets')).value.aliases['champion'];

describe('a rollback', () => {
  beforeEach(async () => {
    await promoted('10-good');
    await promoted('20-newer');
  });

  it('goes to the version before, once it has given the recorded answers, and says who, why and what was seen', async () => {
    expect(await change(asked())).toMatchObject({ from: 2, to: 1, moved: true });
    expect(await champion()).toBe(1);
    expect(entriesOf(await readLedger(store, 'pets')).at(-1)).toMatchObject({
      ...{ action: 'rollback', from: 2, to: 1, actor: 'bob', reason: 'complaints' },
      evidence: { by: 'hand', requestId: 'request-1', check: expect.stringMatching(/^4 known images gave/) },
    });
    expect(await change(asked({ requestId: 'request-2' }))).toMatchObject({ from: 1, to: 2 });
  });

  it('killed after any operation of any step is completed: pointer and ledger agree', async () => {
    let done = false;
    for (let operations = 0; !done; operations++) {
      kill = createKillSwitch();
      store = createMemoryObjectStore({ before: kill.before });
      await promoted('10-good');
      await promoted('20-newer');
      const requestId = `request-${operations}`;
      let killed = false;
      const { disarm } = kill;
      kill = { ...kill, disarm: () => ((killed = true), disarm()) };
      kill.arm(operations);
      expect(await change(asked({ requestId }), answersBy(), 2)).toMatchObject({ from: 2, to: 1 });
      done = !killed;
      kill.disarm();
      expect(await checkModel(store, 'pets')).toMatchObject({ problems: [], pending: null, entries: 3 });
      expect(await champion()).toBe(1);
    }
  });

  it('to a version that answers otherwise moves nothing', async () => {
    await expect(change(asked(), answersBy('11'))).rejects.toMatchObject({ type: 'VERSION_CHECK', nonRetryable: true });
    expect(await champion()).toBe(2);
    expect(await change(asked({ skipCheck: true }))).toMatchObject({ to: 1, check: 'not checked' });
  });

  it('to a version whose weights are gone or flipped moves nothing', async () => {
    const { key } = (await readVersion(store, 'pets', 1))!.weights;
    await store.put(key, new TextEncoder().encode('30-good'));
    await expect(change(asked())).rejects.toMatchObject({ type: 'VERSION_CHECK' });
    await store.delete(key);
    await expect(change(asked())).rejects.toMatchObject({ type: 'VERSION_CHECK' });
    expect(await champion()).toBe(2);
  });

  it('to a version of another class map is refused unless it is allowed', async () => {
    await promoted('40-other', ['chat', 'chien']);
    await expect(change(asked({ to: 1 }))).rejects.toMatchObject({ type: 'CLASS_MAP', nonRetryable: true });
    expect(await change(asked({ to: 1, allowClassMapChange: true }))).toMatchObject({ from: 3, to: 1, moved: true });
  });

  it('to what is not there is refused', async () => {
    await expect(change(asked({ to: 9 }))).rejects.toMatchObject({ type: 'VERSION_UNKNOWN' });
    await expect(change(asked({ alias: 'canary' }))).rejects.toMatchObject({ type: 'ROLLBACK_NOTHING' });
  });

  it('that was overtaken by a promotion says so and moves nothing', async () => {
    const ml = createScriptedMlRunner([]);
    const { applyAliasChange } = createAliasActivities(fakePorts({ store, dir, ml }));
    await promoted('50-newest');
    const late = { ...asked(), from: 2, to: 1, check: '' };
    await expect(applyAliasChange(late)).rejects.toMatchObject({ type: 'ALIAS_OVERTAKEN' });
    expect(await champion()).toBe(3);
  });
});

describe('a promotion by hand', () => {
  it('puts a version there that the gate had refused, with what the gate said', async () => {
    await promoted('10-good');
    await promoted('20-newer');
    await change(asked());
    const answer = await change(asked({ requestId: 'request-2', action: 'promote', to: 2, reason: 'agreed' }));
    expect(answer).toMatchObject({ from: 1, to: 2, moved: true });
    expect(entriesOf(await readLedger(store, 'pets')).at(-1)).toMatchObject({ action: 'promote', reason: 'agreed' });
  });
});
