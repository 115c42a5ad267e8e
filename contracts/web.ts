/** What goes over the wire below /api, in one place: contracts/api/*.ts has a file a page of the dashboard. */
export * from './api/approvals.ts';
export * from './api/augmentation.ts';
export * from './api/cache.ts';
export * from './api/common.ts';
export * from './api/datasets.ts';
export * from './api/evaluation.ts';
export * from './api/models.ts';
export * from './api/runs.ts';
export * from './api/schedules.ts';
export * from './api/session.ts';
export * from './api/sweeps.ts';
