/** The activities by queue, as types: what workflows see of them. */
import type { createAdviseActivities } from './advise/advise.ts';
import type { createEvaluateActivities } from './evaluate/evaluate.ts';
import type { createGateActivities } from './gate/gate.ts';
import type { createIngestActivities } from './ingest/ingest.ts';
import type { createNotifyActivities } from './notify/notify.ts';
import type { createPlanActivities } from './plan/plan-retraining.ts';
import type { createPrepareActivities } from './prepare/prepare.ts';
import type { createApprovalActivities } from './promote/approval.ts';
import type { createAliasActivities } from './promote/change-alias.ts';
import type { createPromoteActivities } from './promote/promote.ts';
import type { createShadowActivities } from './promote/shadow.ts';
import type { createRunActivities } from './run-record/run-record.ts';
import type { createScheduleActivities } from './schedule/schedule.ts';
import type { createSplitActivities } from './split/split.ts';
import type { createSweepActivities } from './sweep-record/sweep-record.ts';
import type { createTrainActivities } from './train/train.ts';
import type { createValidateActivities } from './validate/validate.ts';

export type DataActivities = ReturnType<typeof createIngestActivities> &
  ReturnType<typeof createValidateActivities> &
  ReturnType<typeof createSplitActivities> &
  ReturnType<typeof createPlanActivities> &
  ReturnType<typeof createPrepareActivities>;
export type RunActivities = ReturnType<typeof createRunActivities>;
export type SweepActivities = ReturnType<typeof createSweepActivities>;
export type TrainActivities = ReturnType<typeof createTrainActivities> & ReturnType<typeof createAdviseActivities>;
/** Both need TensorFlow: the gate scores the champion on the challenger's test set. */
export type EvaluateActivities = ReturnType<typeof createEvaluateActivities> & ReturnType<typeof createGateActivities>;
export type AliasActivities = ReturnType<typeof createAliasActivities>;
export type PromotionActivities = ReturnType<typeof createPromoteActivities> &
  ReturnType<typeof createApprovalActivities>;
export type ShadowActivities = ReturnType<typeof createShadowActivities>;
export type ScheduleActivities = ReturnType<typeof createScheduleActivities>;
export type NotifyActivities = ReturnType<typeof createNotifyActivities>;
