import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { chromium } from 'playwright-core';
import type { Page } from 'playwright-core';

const ARGS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking'];

/**
 * Hands a page of a real Chromium to `work`: it has tfjs as `tf`, and finds `dir/pixels.bin` and the files of `dir/tfjs` at
 * its root.
 */
export async function withTfjsPage<T>(
  dir: string,
  executablePath: string,
  work: (page: Page) => Promise<T>,
): Promise<T> {
  const tfjs = dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs/package.json'));
  const others = { 'tf.min.js': join(tfjs, 'dist/tf.min.js'), 'pixels.bin': join(dir, 'pixels.bin') };
  const server = createServer((request, response) => {
    const name = basename(request.url ?? '');
    const path = new Map(Object.entries(others)).get(name) ?? join(dir, 'tfjs', name);
    const isThere = existsSync(path) && name !== '';
    response.writeHead(isThere ? 200 : 404);
    response.end(isThere ? readFileSync(path) : '<!doctype html><title>graft</title>');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === 'object' ? (address?.port ?? 0) : 0}`;
  const browser = await chromium.launch({ executablePath, args: ARGS });
  try {
    const page = await browser.newPage();
    await page.goto(url);
    await page.addScriptTag({ url: `${url}/tf.min.js` });
    return await work(page);
  } finally {
    await browser.close();
    server.close();
  }
}
