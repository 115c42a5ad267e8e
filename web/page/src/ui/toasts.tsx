import { CircleCheck, CircleX, X } from 'lucide-react';
import { useSyncExternalStore } from 'react';

interface Toast {
  readonly id: number;
  readonly text: string;
  readonly bad: boolean;
}

let toasts: readonly Toast[] = [];
let next = 0;
const listeners = new Set<() => void>();

function change(to: readonly Toast[]): void {
  toasts = to;
  for (const listener of listeners) listener();
}

const remove = (id: number): void => {
  change(toasts.filter((toast) => toast.id !== id));
};

/** Says what came of an action; what went wrong stays until it is closed. */
export function say(text: string, bad = false): void {
  const id = next++;
  change([...toasts.slice(-3), { id, text, bad }]);
  if (!bad) window.setTimeout(remove, 6_000, id);
}

const subscribe = (listener: () => void): (() => void) => {
  listeners.add(listener);
  return () => listeners.delete(listener);
};

export function Toasts() {
  const shown = useSyncExternalStore(subscribe, () => toasts);
  return (
    <div className="toasts" role="status" aria-live="polite">
      {shown.map(({ id, text, bad }) => (
        <div key={id} className="toast">
          {bad ? (
            <CircleX size={18} color="var(--bad)" aria-hidden />
          ) : (
            <CircleCheck size={18} color="var(--good)" aria-hidden />
          )}
          <span className="break">{text}</span>
          <button
            type="button"
            className="quiet icon"
            aria-label="Close"
            onClick={() => {
              remove(id);
            }}
          >
            <X size={16} aria-hidden />
          </button>
        </div>
      ))}
    </div>
  );
}
