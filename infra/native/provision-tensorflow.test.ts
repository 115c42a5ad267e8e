import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { zipSync } from 'fflate';
import * as tar from 'tar';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { asSha256 } from '../../core/ids.ts';
import { settings } from '../config.ts';
import type { Settings } from '../config.ts';
import { fakeParts } from './provision-tensorflow.fixture.ts';
import { provisionTensorFlow } from './provision-tensorflow.ts';

const supported = process.platform !== 'win32';
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

let folder: string;
let log: string;
let wheel: Uint8Array;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'graft-provision-'));
  log = join(folder, 'log');
  writeFileSync(log, '');
  wheel = zipSync({
    'tensorflow/libtensorflow_cc.so.2': new Uint8Array(5000).fill(7),
    'tensorflow/libtensorflow_framework.so.2': new Uint8Array(3000).fill(8),
    'tensorflow/include/tensorflow/c/c_api.h': Buffer.from('// header'),
    'tensorflow/include/tensorflow/cc/ops.h': Buffer.from('// not needed'),
    'tensorflow/python/big.so': new Uint8Array(100),
  });
  writeFileSync(join(folder, 'wheel.zip'), wheel);
  mkdirSync(join(folder, 'bin'));
  script('g++', 'exit 0');
  fakePip(`sleep 0.2; cp ${join(folder, 'wheel.zip')} "$dest/tensorflow_cpu-fake.whl"`);
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function script(name: string, body: string): void {
  writeFileSync(join(folder, 'bin', name), `#!/bin/sh\n${body}\n`);
  chmodSync(join(folder, 'bin', name), 0o755);
}

/** A python3 whose pip notes each download and then does `body` with the folder in $dest. */
function fakePip(body: string): void {
  script(
    'python3',
    `case "$*" in *--version*) echo "pip 23.2 from /x (python 3.11)"; exit 0;; esac
    while [ $# -gt 0 ]; do [ "$1" = --dest ] && dest=$2; shift; done
    echo download >> ${log}
    ${body}`,
  );
}

const environment = (): Record<string, string> => ({
  PATH: `${join(folder, 'bin')}:/usr/bin:/bin`,
  XDG_CACHE_HOME: join(folder, 'cache'),
});
const known = (more: Record<string, string> = {}): Settings => settings({ ...environment(), ...more }, folder);
const logged = (): string[] => readFileSync(log, 'utf8').split('\n').filter(Boolean);
const parts = (): ReturnType<typeof fakeParts> => fakeParts(sha256(wheel), log);

async function refusal(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'it succeeded',
    (error: unknown) => String(error),
  );
}

describe.skipIf(!supported)('provisionTensorFlow', () => {
  it('leaves the libraries, their links and the addon, and no package', async () => {
    const install = await provisionTensorFlow({ settings: known(), parts: parts() });
    expect(install.source).toBe('wheel');
    expect(readdirSync(join(install.dir, 'deps/lib')).sort()).toEqual([
      'libtensorflow.so',
      'libtensorflow_cc.so.2',
      'libtensorflow_framework.so',
      'libtensorflow_framework.so.2',
    ]);
    expect(readFileSync(join(install.dir, 'deps/lib/libtensorflow.so')).length).toBe(5000);
    expect(existsSync(join(install.dir, 'include/tensorflow/c/c_api.h'))).toBe(true);
    expect(readdirSync(install.dir).sort()).toEqual(['deps', 'include', 'lib', 'libraries.json', 'ready.json']);
    expect(readdirSync(join(install.dir, 'include/tensorflow'))).toEqual(['c']);
  });

  it('does nothing the second time', async () => {
    await provisionTensorFlow({ settings: known(), parts: parts() });
    const steps: string[] = [];
    await provisionTensorFlow({ settings: known(), parts: parts(), onProgress: ({ step }) => steps.push(step) });
    expect(steps).toEqual([]);
    expect(logged()).toEqual(['download', 'compile']);
  });

  it('goes on at the step where it was stopped', async () => {
    const failing = { ...parts(), compile: () => Promise.reject(new Error('killed')) };
    await expect(provisionTensorFlow({ settings: known(), parts: failing })).rejects.toThrowError('killed');
    await provisionTensorFlow({ settings: known(), parts: parts() });
    expect(logged()).toEqual(['download', 'compile']);
  });

  it('takes a wheel that was put there by hand, without pip', async () => {
    fakePip('exit 1');
    const home = join(folder, 'cache/graft/tensorflow');
    const message = await refusal(provisionTensorFlow({ settings: known(), parts: parts() }));
    expect(message).toMatch(/TENSORFLOW_MISSING: .*PIP_DOWNLOAD: .*put tensorflow_cpu-fake\.whl into .*package/);
    const target = /put tensorflow_cpu-fake\.whl into (\S+)/.exec(message)?.[1] ?? '';
    expect(target.startsWith(home)).toBe(true);
    mkdirSync(target, { recursive: true });
    writeFileSync(join(target, 'tensorflow_cpu-fake.whl'), wheel);
    await provisionTensorFlow({ settings: known(), parts: parts() });
    expect(logged()).toEqual(['download', 'compile']);
  });

  it('refuses a wheel with another hash', async () => {
    fakePip('echo other > "$dest/tensorflow_cpu-fake.whl"');
    const message = await refusal(provisionTensorFlow({ settings: known(), parts: parts() }));
    expect(message).toMatch(/TENSORFLOW_MISSING: .*DOWNLOAD_CORRUPT: tensorflow_cpu-fake\.whl/);
    expect(logged()).not.toContain('compile');
  });

  it('falls through to the archive where there is no pip, and says what was tried where that fails too', async () => {
    script('python3', 'exit 1');
    script('python', 'exit 1');
    for (const version of ['3.13', '3.12', '3.11', '3.10']) script(`python${version}`, 'exit 1');
    const from = join(folder, 'archive');
    mkdirSync(join(from, 'lib'), { recursive: true });
    mkdirSync(join(from, 'include/tensorflow/c'), { recursive: true });
    writeFileSync(join(from, 'lib/libtensorflow.so.2.18.0'), 'core');
    writeFileSync(join(from, 'lib/libtensorflow_framework.so.2.18.0'), 'framework');
    writeFileSync(join(from, 'include/tensorflow/c/c_api.h'), '// header');
    await tar.create({ gzip: true, cwd: from, file: join(folder, 'a.tar.gz') }, ['./lib', './include']);
    const body = readFileSync(join(folder, 'a.tar.gz'));
    const server = createServer((_, response) => response.end(body));
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/libtensorflow.tar.gz`;
    const archive = { url, sha256: asSha256(sha256(body)) };
    const install = await provisionTensorFlow({
      settings: known(),
      parts: fakeParts(sha256(wheel), log, archive),
    });
    expect(install.source).toBe('archive');
    expect(readFileSync(join(install.dir, 'deps/lib/libtensorflow.so'), 'utf8')).toBe('core');
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
    rmSync(join(folder, 'cache'), { recursive: true });
    const message = await refusal(
      provisionTensorFlow({ settings: known(), parts: fakeParts(sha256(wheel), log, archive) }),
    );
    expect(message).toMatch(/TENSORFLOW_MISSING: .*PIP_MISSING: .*DOWNLOAD_UNREACHABLE: .*GRAFT_TENSORFLOW_DIR/);
  });

  it('mends a damaged library when asked to verify, and one of another size by itself', async () => {
    const { dir } = await provisionTensorFlow({ settings: known(), parts: parts() });
    const library = join(dir, 'deps/lib/libtensorflow_cc.so.2');
    writeFileSync(library, new Uint8Array(5000).fill(9));
    await provisionTensorFlow({ settings: known(), parts: parts() });
    expect(readFileSync(library)[0]).toBe(9);
    await provisionTensorFlow({ settings: known(), parts: parts(), verify: true });
    expect(readFileSync(library)[0]).toBe(7);
    truncateSync(library, 10);
    await provisionTensorFlow({ settings: known(), parts: parts() });
    expect(readFileSync(library).length).toBe(5000);
  });

  it('borrows the libraries of GRAFT_TENSORFLOW_DIR without copying them', async () => {
    const own = join(folder, 'site-packages/tensorflow');
    mkdirSync(join(own, 'include/tensorflow/c'), { recursive: true });
    writeFileSync(join(own, 'libtensorflow_cc.so.2'), 'mine');
    writeFileSync(join(own, 'libtensorflow_framework.so.2'), 'mine too');
    writeFileSync(join(own, 'include/tensorflow/c/c_api.h'), '// header');
    const borrowing = known({ GRAFT_TENSORFLOW_DIR: own });
    const install = await provisionTensorFlow({ settings: borrowing, parts: parts() });
    expect(install.source).toBe('GRAFT_TENSORFLOW_DIR');
    expect(readFileSync(join(install.dir, 'deps/lib/libtensorflow.so'), 'utf8')).toBe('mine');
    expect(logged()).toEqual(['compile']);
    const message = await refusal(provisionTensorFlow({ settings: known({ GRAFT_TENSORFLOW_DIR: folder }) }));
    expect(message).toContain(`TENSORFLOW_DIR: ${folder}`);
  });

  it('asks for a compiler before it fetches anything', async () => {
    const bare = settings({ ...environment(), PATH: join(folder, 'empty') }, folder);
    const message = await refusal(provisionTensorFlow({ settings: bare, parts: parts() }));
    expect(message).toMatch(/COMPILER_MISSING: .*apt install g\+\+, dnf install gcc-c\+\+/);
    expect(logged()).toEqual([]);
  });

  it('does the work once for processes that want it at the same time', async () => {
    const go = join(folder, 'go');
    const outputs = [start(go), start(go), start(go)];
    await Promise.all(outputs.map((output) => output.ready));
    writeFileSync(go, '');
    const results = await Promise.all(outputs.map((output) => output.ended));
    const answers = results.map((text) => JSON.parse(text.split('\n')[1] ?? '') as { dir: string; steps: string[] });
    expect(logged()).toEqual(['download', 'compile']);
    expect(new Set(answers.map((answer) => answer.dir)).size).toBe(1);
    expect(answers.filter((answer) => answer.steps.includes('compile'))).toHaveLength(1);
  }, 60_000);
});

function start(go: string): { ready: Promise<void>; ended: Promise<string> } {
  const fixture = fileURLToPath(new URL('provision-tensorflow.fixture.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import', 'tsx', fixture, sha256(wheel), log, go], {
    env: { ...process.env, ...environment() },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  const ready = new Promise<void>((done) => {
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      done();
    });
  });
  return { ready, ended: new Promise((done) => child.on('close', () => done(text))) };
}
