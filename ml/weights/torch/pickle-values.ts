import type { SafeDType } from '../../../core/checkpoint/tensor-data.ts';

/** Everything that a pickle of weights may hold. There are no objects of any class and no functions. */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickleList
  | PickleTuple
  | PickleDict
  | PickleGlobal
  | TorchStorage
  | TorchTensor;

export interface PickleList {
  readonly kind: 'list';
  readonly items: PickleValue[];
}

export interface PickleTuple {
  readonly kind: 'tuple';
  readonly items: readonly PickleValue[];
}

export interface PickleDict {
  readonly kind: 'dict';
  readonly entries: Map<string | number | bigint | boolean | null, PickleValue>;
}

/** A name from the allow-list; `module.name`. It is a word, not a thing that can be called. */
export interface PickleGlobal {
  readonly kind: 'global';
  readonly name: string;
}

/** A run of elements stored elsewhere in the file under `key`. */
export interface TorchStorage {
  readonly kind: 'storage';
  readonly dtype: SafeDType;
  readonly key: string;
  readonly count: number;
}

/** A strided view of a storage, in elements. */
export interface TorchTensor {
  readonly kind: 'tensor';
  readonly storage: TorchStorage;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly stride: readonly number[];
}

type KindOf = Extract<PickleValue, { readonly kind: string }>['kind'];

/** Narrows to one kind of compound value. */
export function isKind<K extends KindOf>(
  value: PickleValue | undefined,
  kind: K,
): value is Extract<PickleValue, { readonly kind: K }> {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === kind;
}
