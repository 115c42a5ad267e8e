import type { ModelVersion } from '../../../contracts/registry.ts';
import { inputError } from '../../../core/errors.ts';
import { resolveModel } from '../../../infra/clients/registry.ts';
import type { ObjectStore } from '../../../infra/ports/object-store.ts';

/** A version of a model as an address has it. MODEL_NOT_FOUND, MODEL_VERSION and VERSION_UNKNOWN (404). */
export async function requireVersion(
  store: ObjectStore,
  { name = '', version = '' }: Readonly<Record<string, string | undefined>>,
): Promise<ModelVersion> {
  if (/^\d{1,9}$/.test(version)) return resolveModel(store, `${name}@${version}`);
  throw inputError('VERSION_UNKNOWN', name.slice(0, 120), version.slice(0, 20), 'a version', 'reload the page');
}
