import type { Json } from '../canonical-json.ts';
import { STEP_INPUTS } from './lineage.ts';
import type { LineageStep, ModelLineage } from './lineage.ts';

/** A URI, as the format asks for, that claims no address on the network. */
const PRODUCER = 'urn:graft';
const SPEC = 'https://openlineage.io/spec';
const EVENT_SCHEMA = `${SPEC}/1-0-5/OpenLineage.json#/definitions/RunEvent`;
/** What OpenLineage has no facet for follows its rule for custom ones: a prefix, and the base facet as schema. */
const CUSTOM = `${SPEC}/1-0-5/OpenLineage.json#/definitions/BaseFacet`;

/** A facet of ours or theirs; schema is the one that it follows. */
const facet = (schema: string, values: Readonly<Record<string, Json>>) => ({
  _producer: PRODUCER,
  _schemaURL: schema,
  ...values,
});
const versionFacet = (version: string) =>
  facet(`${SPEC}/facets/1-0-0/DatasetVersionDatasetFacet.json`, { datasetVersion: version });

/** A type, not an interface: it is JSON. */
type Dataset = {
  readonly namespace: string;
  readonly name: string;
  readonly facets: Readonly<Record<string, ReturnType<typeof facet>>>;
};

/**
 * A model's history as OpenLineage's run events: one of each stage that made something, in the order of their making, and
 * one of the promotion. `uuidOf` makes a run's UUID of a name, always the same. Pure.
 */
export function openLineageEvents(lineage: ModelLineage, bucket: string, uuidOf: (name: string) => string) {
  const namespace = `s3://${bucket}`;
  const named = (name: string, version: string): Dataset => ({
    ...{ namespace, name },
    facets: { version: versionFacet(version) },
  });
  const source = named(`datasets/${lineage.dataset.name}`, lineage.dataset.version);
  const resultOf = ({ stage, key }: LineageStep) => named(`stages/${stage}`, key);
  const backbone = named(`weights/${lineage.backbone.name}`, lineage.backbone.sha256 ?? 'random');
  const model = named(`models/${lineage.model}/versions/${lineage.version}`, lineage.weightsSha256);
  const known = new Map(lineage.steps.map((step) => [step.stage, step]));
  const inputsOf = ({ stage }: LineageStep) => {
    const before = (STEP_INPUTS[stage] ?? []).flatMap((name) => known.get(name) ?? []).map(resultOf);
    return [...(before.length === 0 ? [source] : before), ...(stage === 'train' ? [backbone] : [])];
  };
  const event = (
    job: string,
    at: string,
    id: string,
    io: { readonly inputs: Dataset[]; readonly outputs: Dataset[] },
    told: Readonly<Record<string, Json>>,
  ) => ({
    eventType: 'COMPLETE' as const,
    eventTime: at,
    run: {
      runId: uuidOf(id),
      facets: {
        processing_engine: facet(`${SPEC}/facets/1-1-1/ProcessingEngineRunFacet.json`, {
          ...{ version: lineage.graftVersion, name: 'graft' },
        }),
        graft_stage: facet(CUSTOM, { runId: lineage.runId, configSha256: lineage.configSha256, ...told }),
      },
    },
    job: { namespace: `graft.${lineage.model}`, name: job, facets: {} },
    ...io,
    producer: PRODUCER,
    schemaURL: EVENT_SCHEMA,
  });
  const stages = lineage.steps.map((step) => {
    const { stage, key, createdAt, codeVersion, addressedBy } = step;
    const io = { inputs: inputsOf(step), outputs: [resultOf(step)] };
    return event(stage, createdAt ?? lineage.createdAt, key, io, { codeVersion, addressedBy });
  });
  const made = lineage.steps.filter(({ stage }) => stage === 'train' || stage === 'gate').map(resultOf);
  const io = { inputs: made, outputs: [model] };
  return [...stages, event('promote', lineage.createdAt, `${lineage.model}@${lineage.version}`, io, {})];
}
