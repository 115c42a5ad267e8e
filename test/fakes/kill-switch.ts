import type { MemoryStoreOptions } from './memory-object-store.ts';

/** The process is dead: nothing it still wants to do takes effect. */
export class Killed extends Error {
  override readonly name = 'Killed';
}

export interface KillSwitch {
  /** For `createMemoryObjectStore({ before })`. */
  readonly before: NonNullable<MemoryStoreOptions['before']>;
  /** Lets `operations` of the store take effect, then kills: every later one throws. */
  arm(operations: number): void;
  /** A new process: everything works again. */
  disarm(): void;
}

export function createKillSwitch(): KillSwitch {
  let left = Infinity;
  return {
    before: () => {
      if (left <= 0) throw new Killed('killed');
      left--;
    },
    arm: (operations) => {
      left = operations;
    },
    disarm: () => {
      left = Infinity;
    },
  };
}

/** Whether `work` ended by itself; false where it was killed. Other errors are thrown. */
export async function survives(work: Promise<unknown>): Promise<boolean> {
  try {
    await work;
    return true;
  } catch (error) {
    if (error instanceof Killed) return false;
    throw error;
  }
}
