import { defineConfig } from 'vitest/config';

/** Four projects: `unit` needs nothing, `integration` real servers and TensorFlow, `e2e` the CLI, `faults` real kills. */
export default defineConfig({
  test: {
    pool: 'forks',
    globalSetup: 'test/setup/compile-programs.ts',
    projects: [
      {
        test: {
          name: 'unit',
          include: ['{core,contracts,ml,activities,workflows,infra,cli,web,programs}/**/*.test.ts'],
          exclude: ['**/*.native.test.ts'],
          // Nothing here asserts time: a property test of seconds must not fail because the machine has other work.
          testTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'integration',
          include: ['test/{conformance,workflow,replay}/**/*.test.ts', '{ml,infra,activities}/**/*.native.test.ts'],
          testTimeout: 240_000,
          hookTimeout: 300_000,
          // Each file has servers and folders of its own; more at once than two starve each other.
          maxWorkers: 2,
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          testTimeout: 600_000,
          hookTimeout: 600_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: 'faults',
          include: ['test/faults/**/*.test.ts'],
          testTimeout: 1_800_000,
          hookTimeout: 600_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
