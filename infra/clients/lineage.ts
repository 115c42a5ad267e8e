import { createHash } from 'node:crypto';
import { z } from 'zod';
import { PrepareOutput, StageManifest } from '../../contracts/manifests.ts';
import type { Side } from '../../contracts/manifests.ts';
import type { ModelVersion } from '../../contracts/registry.ts';
import { canonicalJson } from '../../core/canonical-json.ts';
import type { ModelLineage } from '../../core/lineage/lineage.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { entriesOf, readLedger } from './ledger.ts';
import { listModels, readModel } from './registry.ts';
import { readRunRecord } from './stored-run.ts';

const STEPS = ['split', 'prepare', 'train', 'evaluate', 'gate'] as const;

/** Where a version comes from, as far as it is still in storage. */
export async function modelLineage(store: ObjectStore, version: ModelVersion): Promise<ModelLineage> {
  const { lineage, weights, model, runId } = version;
  const record = await readRunRecord(store, runId);
  const steps = await Promise.all(
    STEPS.map(async (stage) => {
      const key = lineage[`${stage}Key`];
      const manifest = await readManifest(store, stage, key);
      const { createdAt = null, codeVersion = null, addressedBy = null } = manifest ?? {};
      return { stage, key, createdAt, codeVersion, addressedBy };
    }),
  );
  const started = steps.find(({ stage }) => stage === 'train')?.addressedBy?.['weightsSha256'];
  const sides = await preparedSides(store, version);
  const moves = entriesOf(await readLedger(store, version.name)).filter(({ to }) => to === version.version);
  return {
    ...{ model: version.name, version: version.version, createdAt: version.createdAt, runId },
    requestedBy: record?.requestedBy ?? null,
    graftVersion: lineage.graftVersion,
    weightsSha256: weights.sha256,
    backbone: {
      name: model.backbone,
      weights: record?.config.model.weights ?? null,
      sha256: typeof started === 'string' ? started : null,
    },
    dataset: {
      ...{ name: lineage.dataset.name, version: lineage.dataset.version },
      source: record?.config.dataset.source ?? null,
    },
    images: sides && Object.fromEntries(Object.entries(sides).map(([side, { rows }]) => [side, rows])),
    configSha256: record && sha256(canonicalJson(record.config)),
    steps,
    moves: moves.map(({ alias, time, actor, seq }) => ({ alias, time, actor, seq })),
  };
}

/** Always the same UUID of a name (version 8 of RFC 9562: made of a hash). */
export function uuidOf(name: string): string {
  const hex = sha256(`graft/lineage ${name}`);
  const variant = ((Number.parseInt(hex[16] ?? '0', 16) & 3) | 8).toString(16);
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    variant + hex.slice(17, 20),
    hex.slice(20, 32),
  ].join('-');
}

const SeenImage = z.object({ path: z.string(), sha256: z.string() });
export type SeenImage = z.infer<typeof SeenImage> & { readonly side: Side };

/** The very images that a version was trained, validated and tested with. */
export async function* imagesOf(store: ObjectStore, version: ModelVersion): AsyncGenerator<SeenImage> {
  const sides = (await preparedSides(store, version)) ?? {};
  for (const side of ['train', 'validation', 'test'] as const) {
    for (const { items } of sides[side]?.shards ?? []) {
      const found = await store.get(items.key, { sha256: items.sha256 });
      for (const line of new TextDecoder().decode(found?.body).split('\n')) {
        if (line !== '') yield { ...SeenImage.parse(JSON.parse(line)), side };
      }
    }
  }
}

export interface Sighting {
  readonly model: string;
  readonly version: number;
  readonly aliases: readonly string[];
  readonly runId: string;
  readonly side: Side;
  readonly path: string;
  readonly sha256: string;
}

/** Every version of every model that has seen a picture, by its hash or the end of its path; and what could not be read. */
export async function whoSaw(
  store: ObjectStore,
  picture: string,
): Promise<{ readonly seen: Sighting[]; readonly unknown: string[] }> {
  const seen: Sighting[] = [];
  const unknown: string[] = [];
  for (const name of await listModels(store)) {
    const { versions, aliases } = await readModel(store, name);
    for (const version of versions) {
      const holders = Object.keys(aliases).filter((alias) => aliases[alias] === version.version);
      if ((await preparedSides(store, version)) === null) unknown.push(`${name}@${version.version}`);
      for await (const { path, sha256: hash, side } of imagesOf(store, version)) {
        if (hash !== picture && path !== picture && !path.endsWith(`/${picture}`)) continue;
        const { runId } = version;
        seen.push({ model: name, version: version.version, aliases: holders, runId, side, path, sha256: hash });
      }
    }
  }
  return { seen, unknown };
}

async function preparedSides(store: ObjectStore, { lineage }: ModelVersion): Promise<PrepareOutput['sides'] | null> {
  const manifest = await readManifest(store, 'prepare', lineage.prepareKey);
  const output = PrepareOutput.safeParse(manifest?.output);
  return output.success ? output.data.sides : null;
}

export async function readManifest(store: ObjectStore, stage: string, key: string): Promise<StageManifest | null> {
  const found = await store.get(`stages/${stage}/${key}/manifest.json`);
  if (!found) return null;
  try {
    const parsed = StageManifest.safeParse(JSON.parse(new TextDecoder().decode(found.body)));
    return parsed.success ? parsed.data : null;
  } catch {
    return null;
  }
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
