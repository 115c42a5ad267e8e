import type { UseQueryResult } from '@tanstack/react-query';
import { useApi } from './queries.ts';

/** Who looks, and what they may do. */
export interface SessionView {
  readonly user: string;
  readonly canAct: boolean;
  readonly version: string;
}

export const useSession = (): UseQueryResult<SessionView> => useApi<SessionView>('/session', { everyMs: 15_000 });
