import { afterEach, describe, expect, it } from 'vitest';
import { DatasetConfig, ImageConfig } from '../../contracts/pipeline-config.ts';
import type { ValidateResult } from '../../contracts/stages.ts';
import { asRunId } from '../../core/ids.ts';
import { createFakeDataPorts, manyPictures, pictureText } from '../../test/fakes/data-ports.ts';
import type { FakeDataPorts } from '../../test/fakes/data-ports.ts';
import { createIngestActivities } from '../ingest/ingest.ts';
import { createValidateActivities } from './validate.ts';

const open: FakeDataPorts[] = [];
afterEach(async () => {
  for (const ports of open.splice(0)) await ports.remove();
});

async function validate(
  files: Record<string, string>,
  image: Partial<ImageConfig> = {},
): Promise<{ ports: FakeDataPorts; again: () => Promise<ValidateResult>; result: ValidateResult }> {
  const ports = await createFakeDataPorts(files);
  open.push(ports);
  const dataset = DatasetConfig.parse({ source: 'memory' });
  const { output } = await createIngestActivities(ports).ingestDataset({
    ...{ dataset, datasetName: 'pets' },
    runId: asRunId('pets-1'),
  });
  const again = () =>
    createValidateActivities(ports).validateDataset({
      datasetManifestKey: output.manifestKey,
      quarantined: output.quarantined,
      dataset,
      image: ImageConfig.parse(image),
      backbone: 'tiny-cnn',
    });
  return { ports, again, result: await again() };
}

describe('validateDataset', () => {
  it('has nothing to say of a plain data set, and is a hit the second time', async () => {
    const { result, again } = await validate(manyPictures({ cat: 30, dog: 30 }), { size: [8, 8] });
    expect(result).toMatchObject({ summary: 'nothing to remark', output: { findings: [] }, cached: false });
    expect(await again()).toEqual({ ...result, cached: true });
  });

  it('reports findings, with the figures behind them as a part', async () => {
    const { ports, result } = await validate({
      ...manyPictures({ cat: 40, dog: 30 }),
      'dog/other label.png': pictureText('cat 1'),
      'cat/gray.png': pictureText('gray', '10x20x1'),
      'cat/broken.png': 'bad IMAGE_EMPTY 0 bytes',
    });
    expect(result.output.findings.map(({ code }) => code)).toEqual([
      ...['QUARANTINED', 'LABEL_CONFLICT', 'IMAGE_SMALL', 'IMAGE_CHANNELS'],
    ]);
    expect(result.summary).toBe('3 warnings; QUARANTINED, LABEL_CONFLICT, IMAGE_SMALL, IMAGE_CHANNELS');
    const report = await ports.store.get(result.output.report.key, { sha256: result.output.report.sha256 });
    expect(JSON.parse(Buffer.from(report!.body).toString())).toMatchObject({
      kind: 'graft.dataset-report/1',
      statistics: { images: 72, perClass: { cat: 41, dog: 31 }, conflicts: 1 },
    });
  });
});
