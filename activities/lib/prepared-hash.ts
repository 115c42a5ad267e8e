import type { PrepareOutput, Side } from '../../contracts/manifests.ts';
import { canonicalJson } from '../../core/canonical-json.ts';
import type { Sha256 } from '../../core/ids.ts';
import { sha256Of } from './hash.ts';

/** Names the pixels and labels of some sides by content. */
export function preparedHash(prepared: PrepareOutput, sides: readonly Side[]): Sha256 {
  const shards = sides.map((side) => (prepared.sides[side]?.shards ?? []).map((shard) => shard.sha256));
  return sha256Of(canonicalJson({ image: prepared.image, classes: prepared.classes, shards }));
}
