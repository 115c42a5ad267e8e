import {
  Ban,
  CircleAlert,
  CircleCheck,
  CircleDashed,
  CirclePause,
  CircleX,
  Hourglass,
  LoaderCircle,
  Minus,
  Recycle,
} from 'lucide-react';
import type { LucideIcon } from 'lucide-react';

export type Tone = 'good' | 'info' | 'wait' | 'bad' | 'rest' | 'accent';

interface Look {
  readonly icon: LucideIcon;
  readonly tone: Tone;
  readonly word: string;
}

/** Every state that something can be in: its icon and its word, so that no colour stands alone. */
const looks: Readonly<Record<string, Look>> = {
  running: { icon: LoaderCircle, tone: 'info', word: 'Running' },
  completed: { icon: CircleCheck, tone: 'good', word: 'Completed' },
  done: { icon: CircleCheck, tone: 'good', word: 'Done' },
  failed: { icon: CircleX, tone: 'bad', word: 'Failed' },
  cancelled: { icon: Ban, tone: 'rest', word: 'Cancelled' },
  waiting: { icon: Hourglass, tone: 'wait', word: 'Waiting for approval' },
  'waiting-for-approval': { icon: Hourglass, tone: 'wait', word: 'Waiting for approval' },
  paused: { icon: CirclePause, tone: 'wait', word: 'Paused' },
  cached: { icon: Recycle, tone: 'accent', word: 'Cached' },
  pending: { icon: CircleDashed, tone: 'rest', word: 'Not yet' },
  skipped: { icon: Minus, tone: 'rest', word: 'Skipped' },
  dropped: { icon: Minus, tone: 'rest', word: 'Dropped' },
  stopped: { icon: Ban, tone: 'rest', word: 'Stopped' },
  warning: { icon: CircleAlert, tone: 'wait', word: 'Warning' },
  passed: { icon: CircleCheck, tone: 'good', word: 'Passed' },
  refused: { icon: CircleX, tone: 'bad', word: 'Refused' },
};

export function Status({ state, word }: { readonly state: string; readonly word?: string }) {
  const look = looks[state] ?? { icon: CircleDashed, tone: 'rest', word: state };
  const Icon = look.icon;
  return (
    <span className={`status tone-${look.tone}`}>
      <Icon size={14} aria-hidden className={state === 'running' ? 'spin' : undefined} />
      {word ?? look.word}
    </span>
  );
}

export const Tag = ({ tone = 'rest', children }: { readonly tone?: Tone; readonly children: React.ReactNode }) => (
  <span className={`status tone-${tone} tag`}>{children}</span>
);
