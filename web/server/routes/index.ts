import type { Context } from '../context.ts';
import type { Route } from '../route.ts';
import { approvalRoutes } from './approvals.ts';
import { cacheRoutes } from './cache.ts';
import { datasetRoutes } from './datasets.ts';
import { evaluationRoutes } from './evaluation.ts';
import { modelRoutes } from './models.ts';
import { overviewRoutes } from './overview.ts';
import { runRoutes } from './runs.ts';
import { scheduleRoutes } from './schedules.ts';
import { sessionRoutes } from './session.ts';
import { sweepRoutes } from './sweeps.ts';
import { trainingPictureRoutes } from './training-pictures.ts';

/** Every request of the API that is answered with JSON. */
export function apiRoutes(context: Context): Route[] {
  return [
    ...sessionRoutes(context),
    ...overviewRoutes(context),
    ...runRoutes(context),
    ...evaluationRoutes(context),
    ...approvalRoutes(context),
    ...datasetRoutes(context),
    ...trainingPictureRoutes(context),
    ...sweepRoutes(context),
    ...modelRoutes(context),
    ...scheduleRoutes(context),
    ...cacheRoutes(context),
  ];
}
