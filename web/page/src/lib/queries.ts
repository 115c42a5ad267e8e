import { QueryCache, QueryClient, keepPreviousData, useQuery } from '@tanstack/react-query';
import type { UseQueryResult } from '@tanstack/react-query';
import { ApiProblem, getJson, isPassing } from './api.ts';

/** How often what has no stream of its own is asked for again. */
export const CALM_MS = 5_000;

/**
 * Of the machine itself, so never "offline". What a server that is away could not answer is asked again until it can;
 * what was refused is shown at once.
 */
export const queryClient: QueryClient = new QueryClient({
  queryCache: new QueryCache({
    onError: (error, { queryKey }) => {
      // Whoever is refused may have been signed out meanwhile: the frame says so, once, for the whole page.
      const refused = error instanceof ApiProblem && error.status === 401;
      if (refused && queryKey[0] !== '/session') void queryClient.invalidateQueries({ queryKey: ['/session'] });
    },
  }),
  defaultOptions: {
    queries: {
      networkMode: 'always',
      staleTime: 2_000,
      retry: (failures, error) => isPassing(error) && failures < 2,
      retryDelay: 400,
      refetchOnWindowFocus: true,
    },
    mutations: { networkMode: 'always', retry: false },
  },
});

/** What waiting helps with: something away, or a person who signs in meanwhile. */
const mayMend = (error: unknown): boolean => isPassing(error) || (error instanceof ApiProblem && error.status === 401);

interface Wish {
  readonly query?: Readonly<Record<string, string | number | boolean | null | undefined>>;
  /** Asked for again so often; never where absent. */
  readonly everyMs?: number | false;
  readonly enabled?: boolean;
  /** Shows the answer before while the next one comes: for pages and filters of one list. */
  readonly keep?: boolean;
}

/** An answer of the API, kept by its path and query. */
export function useApi<T>(path: string, wish: Wish = {}): UseQueryResult<T> {
  return useQuery({
    queryKey: [path, wish.query ?? {}],
    queryFn: ({ signal }) => getJson<T>(path, wish.query, signal),
    enabled: wish.enabled ?? true,
    // A server that comes back is noticed here too, whatever the page had wished for.
    refetchInterval: (query) => (mayMend(query.state.error) ? 2_000 : (wish.everyMs ?? false)),
    ...(wish.keep === true ? { placeholderData: keepPreviousData } : {}),
  });
}
