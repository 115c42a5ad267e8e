import type { Strategy } from '../training/frozen-prefix.ts';

/** Values that were measured for keys that said `auto`. */
export interface SettledAutos {
  readonly strategy?: Strategy | undefined;
  readonly lastN?: number | undefined;
  readonly cut?: string | null | undefined;
  readonly backboneRate?: number | undefined;
  readonly learningRate?: number | undefined;
  readonly batchSize?: number | undefined;
}

interface Settleable {
  readonly auto?: readonly string[] | undefined;
  readonly model: { readonly strategy: Strategy; readonly lastN: number; readonly cut: string | null };
  readonly train: {
    readonly batchSize: number;
    readonly backboneRate: number;
    readonly optimizer: { readonly learningRate: number };
  };
}

/** The configuration with what was measured in place of `auto`: what is trained, hashed and recorded. */
export function withSettled<C extends Settleable>(config: C, found: SettledAutos): Omit<C, 'auto'> {
  const { auto: _, ...rest } = config;
  const { model, train } = config;
  return {
    ...rest,
    model: {
      ...model,
      strategy: found.strategy ?? model.strategy,
      lastN: found.lastN ?? model.lastN,
      cut: found.cut === undefined ? model.cut : found.cut,
    },
    train: {
      ...train,
      batchSize: found.batchSize ?? train.batchSize,
      backboneRate: found.backboneRate ?? train.backboneRate,
      optimizer: { ...train.optimizer, learningRate: found.learningRate ?? train.optimizer.learningRate },
    },
  };
}
