import { fileURLToPath } from 'node:url';
import process from 'node:process';
import react from '@vitejs/plugin-react';
import { build } from 'vite';

/**
 * `page-build-process.ts FOLDER`: builds the page into FOLDER. A process of its own, started with NODE_ENV=production:
 * Vite, React and its JSX take their form from it, and whoever wants the page may run with another, as a test runner does.
 */
await build({
  root: fileURLToPath(new URL('./page', import.meta.url)),
  configFile: false,
  envDir: false,
  logLevel: 'warn',
  plugins: [react()],
  cacheDir: fileURLToPath(new URL('../node_modules/.vite-page', import.meta.url)),
  // Nothing inline: the page's content security policy refuses data: scripts and styles.
  build: {
    outDir: process.argv[2] ?? 'dist',
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
});
