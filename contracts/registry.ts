import { z } from 'zod';
import { DetectionMetrics } from './detection-metrics.ts';
import { ApprovalVerdict } from './approval.ts';
import { BlobRef, ClassificationMetrics, GateRule, ModelDescription, RunIdField, Sha256Field } from './manifests.ts';

/** `models/<name>/versions/<n>/manifest.json`: everything needed to use, explain and reproduce a model version. */
export const ModelVersion = z.object({
  kind: z.literal('graft.model-version/1'),
  name: z.string(),
  version: z.int().positive(),
  createdAt: z.string(),
  runId: RunIdField,
  weights: BlobRef,
  model: ModelDescription,
  metrics: ClassificationMetrics,
  /** Of a detector. */
  detection: DetectionMetrics.optional(),
  lineage: z.object({
    dataset: z.object({ name: z.string(), version: z.string(), manifestKey: z.string() }),
    splitKey: z.string(),
    prepareKey: z.string(),
    trainKey: z.string(),
    evaluateKey: z.string(),
    gateKey: z.string(),
    graftVersion: z.string(),
  }),
});
export type ModelVersion = z.infer<typeof ModelVersion>;

/** `models/<name>/aliases.json`, moved by `If-Match`. */
export const ModelAliases = z.object({
  kind: z.literal('graft.aliases/1'),
  aliases: z.record(z.string(), z.int().positive()),
  /** The ledger entry that moved them last, and the SHA-256 of its bytes; that is absent in what older ones wrote. */
  ledgerSeq: z.int().min(0),
  ledgerSha256: Sha256Field.nullable().optional(),
});
export type ModelAliases = z.infer<typeof ModelAliases>;

/** `models/<name>/ledger/<seq>.json`, append-only by `If-None-Match: *`. */
export const LedgerEntry = z.object({
  kind: z.literal('graft.ledger/1'),
  seq: z.int().positive(),
  time: z.string(),
  actor: z.string(),
  action: z.enum(['promote', 'rollback']),
  alias: z.string(),
  from: z.int().positive().nullable(),
  to: z.int().positive(),
  reason: z.string(),
  /** SHA-256 of the bytes of the entry before: a chain. Null for the first; absent in what older ones wrote. */
  previousSha256: Sha256Field.nullable().optional(),
  evidence: z.object({
    runId: RunIdField,
    rules: z.array(GateRule),
    weightsSha256: Sha256Field,
    /** Of the version's manifest. */
    versionSha256: Sha256Field.optional(),
    /** Who or what asked: the gate of a run, a person, the check after a promotion. */
    by: z.enum(['gate', 'hand', 'check']).optional(),
    /** Names the request, so that one that is tried again is not entered twice. */
    requestId: z.string().optional(),
    /** What the check of known inputs found before the move. */
    check: z.string().optional(),
    /** Who allowed it, where a person was asked. */
    approval: ApprovalVerdict.optional(),
  }),
});
export type LedgerEntry = z.infer<typeof LedgerEntry>;
