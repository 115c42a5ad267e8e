import type { BackboneName } from '../backbone-facts.ts';
import type { Strategy } from './frozen-prefix.ts';

/** A layer of one's own between the pooled features and the last dense layer: dense, then what follows it. */
export interface HeadLayer {
  readonly dense: number;
  readonly activation: 'relu' | 'relu6' | 'tanh' | 'linear';
  readonly dropout: number;
}

/** `model` of graft.yaml, as far as it says what the network is. */
export interface ModelSettings {
  readonly backbone: BackboneName;
  readonly strategy: Strategy;
  readonly dropout: number;
  readonly cut: string | null;
  readonly head: readonly HeadLayer[];
  readonly firstKernels: 'sum' | 'average';
}

/** What is needed to use the weights. Keys that came later are left out where they have their defaults. */
export function describeModel<T extends object>(
  { backbone, strategy, dropout, cut, head, firstKernels }: ModelSettings,
  rest: T,
) {
  return {
    ...{ backbone, strategy, dropout },
    ...rest,
    ...(cut === null ? {} : { cut }),
    ...(head.length === 0 ? {} : { head: head.map((layer) => ({ ...layer })) }),
    ...(firstKernels === 'sum' ? {} : { firstKernels }),
  };
}
