import { compilePrograms } from '../../programs/compile.ts';

/** Once before all tests: their children start as a user's do, from what is compiled of the sources as they are. */
export async function setup(): Promise<void> {
  await compilePrograms();
}
