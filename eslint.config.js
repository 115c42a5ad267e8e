import jsxA11y from 'eslint-plugin-jsx-a11y';
import reactHooks from 'eslint-plugin-react-hooks';
import tseslint from 'typescript-eslint';

/**
 * Who may import whom, by folder (architecture: "Architecture you can see"). `never`: no import at all;
 * `typesOnly`: `import type` alone. A folder is named by the path segment an import goes through.
 */
const folders = ['core', 'contracts', 'ml', 'activities', 'workflows', 'infra', 'cli', 'web'];
const rooms = {
  core: { may: ['core'], typesOnly: [], packages: String.raw`^(?!\.)` },
  contracts: { may: ['core', 'contracts'], typesOnly: [], packages: String.raw`^(?!\.|zod$)` },
  workflows: {
    may: ['core', 'workflows'],
    typesOnly: ['activities', 'contracts'],
    packages: String.raw`^(?!\.|@temporalio/(workflow|common)$)`,
  },
  ml: { may: ['core', 'ml'], typesOnly: ['contracts'], packages: String.raw`^(@temporalio|minio|commander)` },
  activities: {
    may: ['core', 'contracts', 'ml', 'activities'],
    typesOnly: ['infra/ports'],
    packages: String.raw`^(@temporalio/(?!activity|common)|minio|sharp|commander|@tensorflow)`,
  },
  cli: {
    may: ['core', 'contracts', 'infra', 'cli', 'web/server/start', 'workflows/messages', 'workflows/workflow-ids'],
    typesOnly: ['workflows'],
    packages: null,
  },
  web: {
    may: ['core', 'contracts', 'infra', 'web', 'workflows/messages', 'workflows/workflow-ids'],
    typesOnly: ['workflows'],
    packages: null,
  },
};

/** Matches a relative import that goes into `folder` (but not into one of `except` below it); infra/ml is infra's own. */
const into = (folder, except = []) => {
  const inner = except.filter((e) => e.startsWith(`${folder}/`)).map((e) => e.slice(folder.length + 1));
  const not = inner.length ? `(?!${inner.join('|')})` : '';
  return String.raw`^\.{1,2}/(?!(.*/)?infra/ml/)(.*/)?${folder}/${not}`;
};

function importRules(name, { may, typesOnly, packages }) {
  const patterns = [];
  const barred = folders.filter((folder) => !may.includes(folder));
  for (const folder of barred) {
    const allowTypeImports = typesOnly.some((t) => t === folder || t.startsWith(`${folder}/`));
    const exceptions = [...may, ...typesOnly];
    patterns.push({
      regex: into(folder, allowTypeImports && typesOnly.includes(folder) ? may : exceptions),
      allowTypeImports: typesOnly.includes(folder),
      message: `${name} may not import ${folder} (docs/adr/0001: who may import whom).`,
    });
    for (const inner of typesOnly.filter((t) => t.startsWith(`${folder}/`))) {
      patterns.push({
        regex: into(inner),
        allowTypeImports: true,
        message: `${name} may import types only from ${inner}.`,
      });
    }
  }
  if (packages) patterns.push({ regex: packages, message: `${name} may not import this package (docs/adr/0001).` });
  return {
    files: [`${name}/**/*.ts`],
    ignores: ['**/*.test.ts'],
    rules: { '@typescript-eslint/no-restricted-imports': ['error', { patterns }] },
  };
}

export default tseslint.config(
  {
    ignores: [
      ...['node_modules', '.graft', 'coverage', 'test/replay/broken', 'bin', 'eslint.config.js'],
      ...['web/page/dist', 'web/page/dist.*', '.programs'],
    ],
  },
  ...tseslint.configs.strict,
  {
    files: ['**/*.{ts,tsx}'],
    languageOptions: { parserOptions: { projectService: true } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'separate-type-imports' }],
      '@typescript-eslint/no-invalid-void-type': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { ignoreRestSiblings: true, argsIgnorePattern: '^_' }],
      'no-restricted-exports': ['error', { restrictDefaultExports: { direct: true, named: true } }],
      'max-lines': ['error', { max: 300, skipBlankLines: true, skipComments: true }],
      'max-lines-per-function': ['error', { max: 60, skipBlankLines: true, skipComments: true }],
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'no-restricted-syntax': ['error', { selector: 'TSEnumDeclaration', message: 'Use a union of string literals.' }],
    },
  },
  {
    files: ['core/**/*.ts', 'ml/**/*.ts', 'activities/**/*.ts', 'workflows/**/*.ts'],
    ignores: ['**/*.test.ts'],
    rules: {
      'no-restricted-properties': [
        'error',
        { object: 'Math', property: 'random', message: 'Randomness is addressed: core/rng.ts.' },
        { object: 'process', property: 'env', message: 'infra/config.ts is the only reader of the environment.' },
      ],
    },
  },
  {
    files: ['core/**/*.ts', 'workflows/**/*.ts'],
    ignores: ['**/*.test.ts'],
    rules: {
      'no-restricted-globals': ['error', 'process', 'Buffer', 'setTimeout', 'setInterval', 'fetch', 'performance'],
    },
  },
  {
    files: ['core/**/*.ts'],
    ignores: ['**/*.test.ts'],
    rules: {
      'no-restricted-properties': [
        'error',
        { object: 'Math', property: 'random', message: 'Randomness is addressed: core/rng.ts.' },
        { object: 'Date', property: 'now', message: 'The clock is an argument.' },
      ],
    },
  },
  ...Object.entries(rooms).map(([name, room]) => importRules(name, room)),
  {
    // The page runs in a browser: pure code, types of what the server sends, and its own packages.
    files: ['web/page/**/*.{ts,tsx}'],
    ignores: ['**/*.test.ts'],
    plugins: { 'react-hooks': reactHooks, 'jsx-a11y': jsxA11y },
    rules: {
      ...reactHooks.configs['recommended-latest'].rules,
      ...jsxA11y.flatConfigs.strict.rules,
      // What scrolls must be reached by keyboard.
      'jsx-a11y/no-noninteractive-tabindex': ['error', { tags: [], roles: ['region'] }],
      '@typescript-eslint/no-restricted-imports': [
        'error',
        {
          patterns: [
            ...['ml', 'activities', 'workflows', 'infra', 'cli', 'web', 'server', 'contracts'].map((folder) => ({
              regex: into(folder),
              allowTypeImports: folder === 'contracts',
              message: `the page may not import ${folder} (docs/adr/0001: who may import whom).`,
            })),
            {
              regex: String.raw`^(?!\.|(react|react-dom/client|react-router|uplot|lucide-react)$|uplot/|@tanstack/react-)`,
              message: 'the page may not import this package (docs/adr/0145).',
            },
          ],
        },
      ],
    },
  },
  {
    files: ['infra/**/*.ts'],
    ignores: [
      'infra/worker.ts',
      'infra/*-process.ts',
      'infra/embedded/**',
      'infra/clients/**',
      'infra/telemetry/**',
      '**/*.test.ts',
    ],
    rules: {
      '@typescript-eslint/no-restricted-imports': [
        'error',
        {
          patterns: ['activities', 'workflows', 'ml', 'cli', 'web'].map((f) => ({
            regex: into(f),
            allowTypeImports: f === 'workflows',
            message: `infra adapters may not import ${f}.`,
          })),
        },
      ],
    },
  },
  {
    // What the command line and the dashboard ask of Temporal and of the store.
    files: ['infra/clients/**/*.ts', 'infra/telemetry/**/*.ts'],
    ignores: ['**/*.test.ts'],
    rules: {
      '@typescript-eslint/no-restricted-imports': [
        'error',
        {
          patterns: [
            ...['activities', 'ml', 'cli', 'web'].map((f) => ({
              regex: into(f),
              message: `clients may not import ${f}.`,
            })),
            {
              regex: into('workflows', ['workflows/messages', 'workflows/workflow-ids']),
              allowTypeImports: true,
              message: 'clients may import workflows/messages and workflows/workflow-ids only.',
            },
          ],
        },
      ],
    },
  },
  {
    files: ['**/*.test.ts', 'test/**/*.ts', 'bench/**/*.ts'],
    rules: { 'max-lines-per-function': 'off', '@typescript-eslint/no-non-null-assertion': 'off' },
  },
  { files: ['*.config.ts'], rules: { 'no-restricted-exports': 'off' } },
);
