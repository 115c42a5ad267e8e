import type { UseQueryResult } from '@tanstack/react-query';
import type { Session } from '../../../../contracts/web.ts';
import { useApi } from './queries.ts';

/** Who looks, and what they may do. */
export const useSession = (): UseQueryResult<Session> => useApi<Session>('/session', { everyMs: 60_000 });

export const useMayAct = (): boolean => useSession().data?.role === 'approver';
