/**
 * Maps a stream with up to `concurrency` (≥ 1) calls of `work` under way and yields their results in the order of the
 * items. The first failure ends it, after what was under way has come to its own end.
 */
export async function* mapOrdered<T, R>(
  items: AsyncIterable<T> | Iterable<T>,
  concurrency: number,
  work: (item: T) => Promise<R>,
): AsyncGenerator<R> {
  const under: Promise<R>[] = [];
  try {
    for await (const item of items) {
      const result = work(item);
      // It is looked at when its turn comes; until then a failure must not count as unhandled.
      result.catch(() => undefined);
      under.push(result);
      if (under.length < concurrency) continue;
      const first = under.shift();
      if (first) yield await first;
    }
    for (let first = under.shift(); first; first = under.shift()) yield await first;
  } finally {
    await Promise.allSettled(under);
  }
}
