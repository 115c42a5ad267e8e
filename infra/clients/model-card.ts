import { GateOutput } from '../../contracts/manifests.ts';
import type { ModelVersion } from '../../contracts/registry.ts';
import { knownLimits } from '../../core/promotion/model-card.ts';
import type { CardFacts } from '../../core/promotion/model-card.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { readExports } from './exports.ts';
import { modelLineage, readManifest } from './lineage.ts';
import { readModel } from './registry.ts';
import { sliceFigures } from './slices.ts';
import { readRunRecord } from './stored-run.ts';

/**
 * What the card of a version says, from its manifest, its lineage and its run: nothing is kept twice. `sliceBy` goes before
 * the gate's own expression.
 */
export async function cardFacts(store: ObjectStore, version: ModelVersion, sliceBy?: string): Promise<CardFacts> {
  const { name, model, metrics, lineage, runId } = version;
  const [history, record, { aliases }] = await Promise.all([
    modelLineage(store, version),
    readRunRecord(store, runId),
    readModel(store, name),
  ]);
  const gate = GateOutput.safeParse((await readManifest(store, 'gate', lineage.gateKey))?.output);
  const { perClass, images, confusion: _, ...figures } = metrics;
  const { backbone, steps } = history;
  const by = sliceBy ?? record?.config.promote.gate.noSliceWorse?.by ?? null;
  const sliced = by === null ? null : await sliceFigures(store, version, by);
  const exported = await readExports(store, name, version.version);
  const facts = {
    ...{ model: name, version: version.version, createdAt: version.createdAt, runId },
    ...{ graftVersion: lineage.graftVersion, weightsSha256: version.weights.sha256, classes: model.classes },
    aliases: Object.keys(aliases).filter((alias) => aliases[alias] === version.version),
    network: `${model.backbone}, ${model.strategy}`,
    pretrained: `${backbone.weights ?? 'unknown weights'}${backbone.sha256 ? ` (${backbone.sha256})` : ''}`,
    input: `${model.image.heightPx} × ${model.image.widthPx} × ${model.image.channels}, ${model.image.resize}, ${model.normalization}`,
    dataset: { ...history.dataset, source: history.dataset.source ?? 'an unknown source' },
    images: history.images,
    configSha256: history.configSha256,
    code: Object.fromEntries(steps.map(({ stage, codeVersion }) => [stage, codeVersion])),
    test: { images, figures },
    perClass: perClass.map(({ label, support, recall, precision }) => ({ label, support, recall, precision })),
    slices: by === null || sliced === null ? null : { by, figures: sliced },
    exports: exported.map(({ format, precision, sizeBytes, check }) => ({
      ...{ format, precision, sizeBytes, accuracy: check.accuracy },
      ...(check.mAP50 ? { mAP50: check.mAP50 } : {}),
      maxDifference: Math.max(check.pixels.maxDifference, check.files?.maxDifference ?? 0),
    })),
    gate: gate.success ? gate.data.rules : [],
    intendedUse: record?.config.promote.card.intendedUse ?? null,
  };
  return { ...facts, limits: knownLimits(facts, record?.config.promote.card.limits ?? null) };
}
