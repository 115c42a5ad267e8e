import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { apiPath } from './api.ts';

/** Longer than this without a word, and the stream is opened again: a proxy may have let it die silently. */
const SILENT_MS = 120_000;
const AGAIN_MS = 1_500;

/**
 * Listens to server-sent events until `end` (or `gone`) comes, and again whenever the stream breaks. What is on the page is asked
 * for anew after each gap, as events may have been missed. True while it is open.
 */
export function useStream<Event extends { readonly kind: string }>(
  path: string | null,
  kinds: readonly Event['kind'][],
  onEvent: (event: Event) => void,
): boolean {
  const client = useQueryClient();
  const [open, setOpen] = useState(false);
  const handle = useRef(onEvent);
  const wanted = kinds.join(' ');
  useEffect(() => {
    handle.current = onEvent;
  });
  useEffect(() => {
    if (path === null) return;
    return listen(apiPath(path), wanted.split(' '), {
      onData: (data) => {
        handle.current(JSON.parse(data));
      },
      onOpen: (again) => {
        setOpen(true);
        if (again) void client.invalidateQueries();
      },
      onBreak: () => {
        setOpen(false);
      },
    });
  }, [path, wanted, client]);
  return open && path !== null;
}

interface Listener {
  readonly onData: (data: string) => void;
  readonly onOpen: (again: boolean) => void;
  readonly onBreak: () => void;
}

function listen(url: string, kinds: readonly string[], listener: Listener): () => void {
  let source: EventSource | null = null;
  let timer: number | undefined;
  let opened = 0;
  let ended = false;
  const close = (): void => {
    window.clearTimeout(timer);
    source?.close();
    source = null;
  };
  const later = (ms: number, what: () => void): void => {
    window.clearTimeout(timer);
    timer = window.setTimeout(what, ms);
  };
  const start = (): void => {
    close();
    source = new EventSource(url);
    const alive = (): void => {
      later(SILENT_MS, start);
    };
    alive();
    source.onopen = () => {
      alive();
      listener.onOpen(opened++ > 0);
    };
    // The browser's own way of trying again gives up where the answer was an error, as while a server restarts.
    source.onerror = () => {
      close();
      listener.onBreak();
      if (!ended) later(AGAIN_MS, start);
    };
    source.addEventListener('ping', alive);
    for (const kind of kinds) {
      source.addEventListener(kind, (event: MessageEvent<string>) => {
        alive();
        listener.onData(event.data);
        if (kind !== 'end' && kind !== 'gone') return;
        ended = true;
        close();
        listener.onBreak();
      });
    }
  };
  start();
  return close;
}
