import { randomBytes } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe } from 'vitest';
import { temporaryDir } from '../servers.ts';
import { describeConditions } from './object-store-conditions.ts';
import { describeContent } from './object-store-content.ts';
import { describeFailures } from './object-store-failures.ts';
import type { StoreHarness, StoreKit } from './object-store-kit.ts';

/** What every implementation of the object store port must do. */
export function describeObjectStore(name: string, start: () => Promise<StoreHarness>): void {
  describe(`object store: ${name}`, () => {
    let harness: StoreHarness;
    let folder: string;
    let prefixes = 0;

    beforeAll(async () => {
      folder = temporaryDir('conformance');
      harness = await start();
    });
    afterAll(async () => {
      await harness.stop();
      await rm(folder, { recursive: true });
    });

    const kit: StoreKit = {
      harness: () => harness,
      store: () => harness.store,
      folder: () => folder,
      prefix: () => `t/${++prefixes}/`,
      async fileOf(body) {
        const path = join(folder, `in-${randomBytes(6).toString('hex')}`);
        await writeFile(path, body);
        return path;
      },
    };
    describeContent(kit);
    describeConditions(kit);
    describeFailures(kit);
  });
}
