/**
 * Does one thing a task: charts that are set up together would keep the browser from answering for as long as all of them
 * take. Those that are no longer wanted when their turn comes are passed over.
 */
const waiting = new Set<() => void>();
let timer: number | undefined;

function next(): void {
  const [first] = waiting;
  timer = undefined;
  if (first === undefined) return;
  waiting.delete(first);
  if (waiting.size > 0) timer = window.setTimeout(next);
  first();
}

/** Calls `job` in a task of its own; what is given back calls it off. */
export function inTurn(job: () => void): () => void {
  // A wrapping of its own, so that the same function may wait twice.
  const turn = (): void => {
    job();
  };
  waiting.add(turn);
  timer ??= window.setTimeout(next);
  return () => {
    waiting.delete(turn);
  };
}
