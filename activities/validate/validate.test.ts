import { afterEach, describe, expect, it } from 'vitest';
import type { DataChecksConfig } from '../../contracts/data-checks-config.ts';
import { DatasetConfig, ImageConfig } from '../../contracts/pipeline-config.ts';
import type { BlobRef } from '../../contracts/manifests.ts';
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
  checks: Partial<DataChecksConfig> = {},
): Promise<{ ports: FakeDataPorts; again: () => Promise<ValidateResult>; result: ValidateResult }> {
  const ports = await createFakeDataPorts(files);
  open.push(ports);
  const dataset = DatasetConfig.parse({ source: 'memory', checks });
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
    const { result, again } = await validate(
      manyPictures({ cat: 30, dog: 30 }),
      { size: [8, 8] },
      { testSize: 'ignore' },
    );
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
      ...['QUARANTINED', 'LABEL_CONFLICT', 'IMAGE_SMALL', 'IMAGE_CHANNELS', 'TEST_SMALL'],
    ]);
    expect(result.summary).toBe('3 warnings; QUARANTINED, LABEL_CONFLICT, IMAGE_SMALL, IMAGE_CHANNELS, TEST_SMALL');
    const report = await ports.store.get(result.output.report.key, { sha256: result.output.report.sha256 });
    expect(JSON.parse(Buffer.from(report!.body).toString())).toMatchObject({
      kind: 'graft.dataset-report/1',
      statistics: { images: 72, perClass: { cat: 41, dog: 31 }, conflicts: 1 },
    });
  });

  const alike = {
    ...manyPictures({ cat: 30, dog: 30 }),
    'cat/photo.png': pictureText('alike one large', '200x100x3'),
    'cat/photo small.png': pictureText('alike one small', '20x10x3'),
    'dog/two.png': pictureText('alike two first'),
    'cat/two.png': pictureText('alike two second'),
  };
  const textOf = async (ports: FakeDataPorts, { key, sha256 }: BlobRef) =>
    Buffer.from((await ports.store.get(key, { sha256 }))!.body).toString();

  it('says which pictures look alike, and hands them to the split', async () => {
    const { ports, result } = await validate(alike);
    const codes = result.output.findings.map(({ code }) => code);
    expect(codes).toEqual(expect.arrayContaining(['NEAR_DUPLICATES', 'NEAR_CONFLICT']));
    const clusters = (await textOf(ports, result.output.alike!)).trim().split('\n');
    expect(clusters.map((line) => (JSON.parse(line) as string[]).length)).toEqual([2, 2]);
    expect(result.output.dropped).toBeUndefined();
    const page = await textOf(ports, result.output.page!);
    expect(page).toContain('<td>cat/photo small.png</td>');
  });

  it('leaves out what a policy says, with the reason', async () => {
    const { ports, result } = await validate(alike, {}, { nearDuplicates: 'fix', labelConflicts: 'fix' });
    const lines = (await textOf(ports, result.output.dropped!)).trim().split('\n');
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
      { path: 'cat/photo small.png', code: 'NEAR_DUPLICATES', reason: 'a copy of cat/photo.png' },
      { path: 'cat/two.png', code: 'LABEL_CONFLICT', reason: 'one picture as cat, dog' },
      { path: 'dog/two.png', code: 'LABEL_CONFLICT', reason: 'one picture as cat, dog' },
    ]);
  });

  it('ends the run where a policy says so, on a hit too, and is silent where another does', async () => {
    await expect(validate(alike, {}, { labelConflicts: 'fail' })).rejects.toMatchObject({ type: 'DATASET_CHECK' });
    const quiet = {
      nearDuplicates: 'ignore',
      labelConflicts: 'ignore',
      pictures: 'ignore',
      testSize: 'ignore',
    } as const;
    expect((await validate(alike, {}, quiet)).result.summary).toBe('nothing to remark');
  });

  it('shows class names and paths as text, whatever is in them', async () => {
    const { ports, result } = await validate({ ...manyPictures({ '<script>alert(1)<': 30, dog: 30 }) });
    const page = await textOf(ports, result.output.page!);
    expect(page).not.toContain('<script>');
    expect(page).toContain('&lt;script&gt;alert(1)&lt;');
  });
});
