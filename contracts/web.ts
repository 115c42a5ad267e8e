/** What goes over the wire below /api, in one place: contracts/web/*.ts has a file a page of the dashboard. */
export * from './web/approvals.ts';
export * from './web/cache.ts';
export * from './web/common.ts';
export * from './web/datasets.ts';
export * from './web/evaluation.ts';
export * from './web/models.ts';
export * from './web/runs.ts';
export * from './web/schedules.ts';
export * from './web/session.ts';
export * from './web/sweeps.ts';
