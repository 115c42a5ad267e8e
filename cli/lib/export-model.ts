import { mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { ExportManifest } from '../../contracts/export.ts';
import type { ExportFormat, ExportPrecision, ExportReport } from '../../contracts/export.ts';
import type { ModelVersion } from '../../contracts/registry.ts';
import { errnoOf, inputError, transientError } from '../../core/errors.ts';
import { sha256OfFile } from '../../infra/native/files.ts';
import type { ObjectStore } from '../../infra/ports/object-store.ts';
import { graftVersion } from '../../infra/version.ts';
import { namedPictures, ownTestSide } from './check-pictures.ts';
import { runJob } from './scoring.ts';
import type { Scoring } from './scoring.ts';

export interface ExportRequest {
  readonly format: ExportFormat;
  readonly precision: ExportPrecision;
  /** A folder that is not there yet, or empty. */
  readonly out: string;
  /** Pictures to compare on; null for the model's own test side. */
  readonly check: readonly string[] | null;
}

const RESIZE =
  'Catmull–Rom (Keys a = −½) with antialiasing in gamma space, 8 bits, after turning by EXIF; see docs/use-elsewhere.md';

/**
 * Writes an export beside its place and moves it there when it is whole: `export.json`, the last file, lists all others
 * with their hashes. EXPORT_FOLDER (input) where the place is taken, and what the ML process throws.
 */
export async function exportModel(
  store: ObjectStore,
  scoring: Scoring,
  version: ModelVersion,
  request: ExportRequest,
  onProgress: (done: number, total: number) => void,
): Promise<ExportManifest> {
  const out = resolve(request.out);
  await refuseTaken(out);
  const checked =
    request.check === null
      ? await ownTestSide(store, scoring, version)
      : await namedPictures(scoring, version, request.check);
  const { format, precision } = request;
  const folder = `${out}.part`;
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  try {
    const weightsPath = await scoring.weights(version);
    const identity = { model: version.model, version: version.version, weightsPath };
    const job = { kind: 'export' as const, ...identity, format, precision, outputDir: folder, ...checked };
    const event = await runJob(scoring.ml, job, (said) => {
      if (said.kind === 'features') onProgress(said.done, said.total);
    });
    if (event.kind !== 'exported') throw transientError('EXPORT_OUTPUT', out, 'no export', 'one');
    const manifest = await manifestOf(folder, version, request, event.report);
    await writeFile(join(folder, 'export.json'), `${JSON.stringify(manifest, null, 2)}\n`);
    await rm(out, { recursive: true, force: true });
    await rename(folder, out);
    return manifest;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function manifestOf(
  folder: string,
  version: ModelVersion,
  { format, precision }: ExportRequest,
  { check, normalization }: ExportReport,
): Promise<ExportManifest> {
  const paths = await readdir(folder, { recursive: true });
  const files: ExportManifest['files'] = [];
  for (const path of paths.sort()) {
    const info = await stat(join(folder, path));
    if (info.isFile()) files.push({ path, sha256: await sha256OfFile(join(folder, path)), sizeBytes: info.size });
  }
  return ExportManifest.parse({
    kind: 'graft.export/1',
    name: version.name,
    version: version.version,
    weightsSha256: version.weights.sha256,
    graftVersion,
    createdAt: new Date().toISOString(),
    format,
    precision,
    model: version.model,
    preprocessing: { inside: INSIDE[format], resize: RESIZE, normalization },
    check,
    files,
  });
}

const INSIDE: Readonly<Record<ExportFormat, ExportManifest['preprocessing']['inside']>> = {
  'saved-model': ['decode', 'resize', 'normalize'],
  tfjs: ['normalize'],
  onnx: ['normalize'],
  safetensors: [],
};

async function refuseTaken(out: string): Promise<void> {
  await mkdir(dirname(out), { recursive: true });
  const found = await readdir(out).catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return [];
    throw inputError('EXPORT_FOLDER', out, errnoOf(error) ?? 'not readable', 'a folder', 'name another with --out');
  });
  if (found.length === 0) return;
  throw inputError('EXPORT_FOLDER', out, 'it holds files', 'an empty folder or none', 'name another with --out');
}
