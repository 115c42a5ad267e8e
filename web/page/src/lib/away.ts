import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef, useSyncExternalStore } from 'react';
import { isPassing } from './api.ts';

/** What is away, in the words of the newest answer that said so; null while all is well. Asks for all again after. */
export function useAway(): string | null {
  const client = useQueryClient();
  const cache = client.getQueryCache();
  const message = useSyncExternalStore(
    (changed) => cache.subscribe(changed),
    () => {
      const failing = cache
        .getAll()
        .filter((query) => query.isActive() && isPassing(query.state.error))
        .sort((a, b) => b.state.errorUpdatedAt - a.state.errorUpdatedAt)[0];
      const error = failing?.state.error;
      return error instanceof Error ? error.message : null;
    },
  );
  const was = useRef(false);
  useEffect(() => {
    if (message === null && was.current) void client.invalidateQueries();
    was.current = message !== null;
  }, [message, client]);
  return message;
}
