import type { Context } from '../context.ts';
import type { Route } from '../route.ts';
import { runRoutes } from './runs.ts';
import { sessionRoutes } from './session.ts';

/** Every request of the API that is answered with JSON. */
export function apiRoutes(context: Context): Route[] {
  return [...sessionRoutes(context), ...runRoutes(context)];
}
