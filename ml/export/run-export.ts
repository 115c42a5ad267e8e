import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExportJob } from '../../contracts/ml-protocol.ts';
import { failedError } from '../../core/errors.ts';
import type { JobHost } from '../trainer/job.ts';
import { openSamples } from '../trainer/samples.ts';
import type { ExportedModel } from './exported-model.ts';
import { originalClassifier } from './original-classifier.ts';
import { originalDetector } from './original-detector.ts';
import type { Original } from './original.ts';
import { writeExport } from './write-export.ts';

/**
 * Writes a model in another form, loads it again by that form's own runtime, and compares the two on real pictures.
 * EXPORT_PARITY (failed) where a float32 export differs; lossy ones are measured on all pictures with labels or objects.
 */
export async function runExport(job: ExportJob, host: JobHost): Promise<void> {
  const scratchDir = await mkdtemp(join(tmpdir(), 'graft-export-'));
  const samples = await openSamples(job.side, 'images');
  let original: Original | null = null;
  let exported: ExportedModel | null = null;
  try {
    const load = job.model.detector ? originalDetector : originalClassifier;
    original = await load({ job, samples, scratchDir });
    const { specs, values, anchors, preprocessing } = original;
    exported = await writeExport({ job, specs, values, anchors, scratchDir });
    const check = await original.compare(exported, host);
    const refusal = original.refusal(check);
    if (refusal !== null) throw differs(job, refusal);
    const { id, scale, shift, channelOrder } = preprocessing;
    const normalization = { id, scale: [...scale], shift: [...shift], channelOrder };
    host.emit({ kind: 'exported', report: { check, normalization } });
  } finally {
    exported?.dispose();
    original?.dispose();
    await samples.close();
    await rm(scratchDir, { recursive: true, force: true });
  }
}

function differs({ format }: ExportJob, { seen, expected }: { readonly seen: string; readonly expected: string }) {
  const remedy = 'report it with the backbone’s name; nothing was handed over';
  return failedError('EXPORT_PARITY', `export to ${format}`, seen, expected, remedy);
}
