import { ApprovalReport } from '../../../contracts/approval.ts';
import type { ApprovalRow } from '../../../contracts/web.ts';
import { readJson } from '../../../infra/clients/read-json.ts';
import type { RunInfo, RunsClient } from '../../../infra/clients/runs-client.ts';
import type { ObjectStore } from '../../../infra/ports/object-store.ts';

export interface ApprovalSources {
  readonly runs: RunsClient;
  readonly store: ObjectStore;
}

/** What a run waits for; null where it waits for nobody. */
export async function readApproval(
  { runs, store }: ApprovalSources,
  info: RunInfo | null,
): Promise<ApprovalRow | null> {
  if (info?.status !== 'waiting-for-approval') return null;
  const { progress } = await runs.observe(info.runId);
  const wait = progress?.approval;
  const report = wait ? await readJson(store, wait.reportKey, ApprovalReport) : await newestReport(store, info.runId);
  if (!report) return null;
  const { runId, model, alias, round, rules, champion, challenger, perClass, createdAt, requestedBy } = report;
  return {
    ...{ runId, model, alias, round, rules, requestedBy, perClass },
    metrics: challenger.metrics,
    champion: champion && { version: champion.version, metrics: champion.metrics },
    since: wait?.askedAt ?? createdAt,
    expiresAt: wait?.expiresAt ?? null,
    approvers: wait?.approvers ?? [],
  };
}

/** Where no worker answers the query, storage knows what was compared last. */
async function newestReport(store: ObjectStore, runId: string): Promise<ApprovalReport | null> {
  let newest: ApprovalReport | null = null;
  for await (const { key } of store.list(`runs/${runId}/approval/`)) {
    if (!/\/\d+\.json$/.test(key)) continue;
    const report = await readJson(store, key, ApprovalReport);
    if (report && (newest === null || report.round > newest.round)) newest = report;
  }
  return newest;
}
