import { open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Box, GivenSide, SourceAnnotations } from '../../../core/dataset/annotations.ts';
import { isContainedPath, isPictureName, labelProblem } from '../../../core/dataset/names.ts';
import { inputError, transientError } from '../../../core/errors.ts';
import type { SourceEntry } from '../../ports/dataset-source.ts';
import { readRecords } from '../../tfrecord/framing.ts';
import { bytesOf, decodeUtf8, problemOf } from '../text/bytes.ts';
import type { TreeFile } from '../tree/file-tree.ts';
import { nameOf } from '../tree/outline.ts';
import type { Outline } from '../tree/outline.ts';
import { copyPath } from '../tree/store-tree.ts';
import { featureOf, readExample } from './example.ts';
import type { Example } from './example.ts';
import { givenSides, sideField } from './importer.ts';
import type { Importer, Opening } from './importer.ts';

const HEADER_BYTES = 12;
const FOOTER_BYTES = 4;
const SHARD = /\.tfrecords?(?:-\d+-of-\d+)?$|\.record(?:-\d+-of-\d+)?$|(?:^|\/)[\w.-]*tfrecord[\w.-]*-\d+-of-\d+$/i;

interface RecordEntry extends SourceEntry {
  /** Where the record begins in its shard, and how long it is with its frame. */
  readonly record?: { readonly shard: TreeFile; readonly offset: number; readonly sizeBytes: number };
}

/**
 * TFRecords of tf.Example as the TensorFlow Object Detection API writes them (`dataset_tools/`): `image/encoded`,
 * `image/object/bbox/{xmin,xmax,ymin,ymax}` as shares and `image/object/class/text`; `image/class/text` for
 * classification. Each record's masked CRC32C is checked in the listing and again when its picture is taken out.
 */
export const tfrecord: Importer = {
  format: 'tfrecord',
  tasks: ['detection', 'classification'],
  onDisk: true,
  detects: (outline) => Promise.resolve(shardsOf(outline).length > 0),
  open: (opening) => ({
    format: 'tfrecord',
    task: opening.task,
    where: opening.tree.where,
    list: (signal) => list(opening, signal),
    fetch: (entry, scratchDir) => takeOut(opening, entry, scratchDir),
  }),
};

const shardsOf = ({ others }: Outline): TreeFile[] => others.filter(({ path }) => SHARD.test(path));

async function* list(opening: Opening, signal: AbortSignal | undefined): AsyncGenerator<RecordEntry> {
  const shards = shardsOf(opening.outline);
  if (shards.length === 0) {
    throw inputError(
      'DATASET_FORMAT',
      opening.tree.where,
      'no TFRecord',
      'files called *.tfrecord or *.record',
      'rename them',
    );
  }
  const sides = givenSides(shards.map(({ path }) => path));
  for (const shard of shards) {
    signal?.throwIfAborted();
    yield* listShard(opening, shard, sides.get(shard.path));
  }
}

async function* listShard(
  { tree, task }: Opening,
  shard: TreeFile,
  side: GivenSide | undefined,
): AsyncGenerator<RecordEntry> {
  const where = `${tree.where}/${shard.path}`;
  const body = await tree.open(shard);
  const chunks = async function* (): AsyncGenerator<Uint8Array> {
    for await (const chunk of body) yield bytesOf(chunk);
  };
  let [offset, index] = [0, 0];
  for await (const data of readRecords(chunks(), where)) {
    const sizeBytes = HEADER_BYTES + data.length + FOOTER_BYTES;
    yield { ...recordEntry(data, shard, index, task, side), record: { shard, offset, sizeBytes } };
    offset += sizeBytes;
    index += 1;
  }
}

function recordEntry(
  data: Uint8Array,
  shard: TreeFile,
  index: number,
  task: Opening['task'],
  side: GivenSide | undefined,
): RecordEntry {
  const number = `${shard.path}/${String(index).padStart(8, '0')}`;
  const base = { path: number, label: '', sizeBytes: data.length, tag: `${shard.tag} ${index}` };
  try {
    const example = readExample(data, number);
    const [encoded] = featureOf(example, 'image/encoded').bytes;
    if (encoded === undefined || encoded.length === 0) {
      return { ...base, problem: { code: 'IMAGE_EMPTY', reason: 'no image/encoded in the record' } };
    }
    const entry = { ...base, path: `${number}-${fileName(example)}`, sizeBytes: encoded.length };
    if (task === 'detection') return { ...entry, annotations: { ...detected(example, number), ...sideField(side) } };
    const [label] = textsOf(example, 'image/class/text', number);
    if (label === undefined) return { ...entry, problem: { code: 'ANNOTATION_CLASS', reason: 'no image/class/text' } };
    return { ...entry, label: checkedLabel(label, number), annotations: { unit: 'relative', ...sideField(side) } };
  } catch (error) {
    return { ...base, problem: problemOf(error) };
  }
}

/** The name that the picture had, with an extension that says what it is; neither leads anywhere. */
function fileName(example: Example): string {
  const [name = ''] = textsOf(example, 'image/filename', '');
  const [format = ''] = textsOf(example, 'image/format', '');
  const last = nameOf(name).normalize('NFC');
  if (isContainedPath(last) && isPictureName(last) && !/\p{Cc}/u.test(last) && last.length <= 200) return last;
  return /^[a-z]{3,4}$/i.test(format) ? `image.${format.toLowerCase()}` : 'image';
}

function detected(example: Example, where: string): SourceAnnotations {
  const labels = textsOf(example, 'image/object/class/text', where);
  const edges = (['xmin', 'ymin', 'xmax', 'ymax'] as const).map(
    (name) => featureOf(example, `image/object/bbox/${name}`).floats,
  );
  const [xMins = [], yMins = [], xMaxs = [], yMaxs = []] = edges;
  if (edges.some(({ length }) => length !== xMins.length)) {
    throw inputError(
      'ANNOTATION_BOX',
      where,
      `lists of ${edges.map(({ length }) => length).join(', ')} edges`,
      'as many of each',
    );
  }
  if (labels.length !== xMins.length) {
    throw inputError(
      'ANNOTATION_CLASS',
      where,
      `${labels.length} names for ${xMins.length} boxes`,
      'a name for each box',
    );
  }
  const flagged = { difficult: 'difficult', truncated: 'truncated', groupOf: 'group_of', crowd: 'is_crowd' } as const;
  const boxes = xMins.map((xMin, i): Box => {
    const flags = Object.entries(flagged).filter(
      ([, name]) => featureOf(example, `image/object/${name}`).ints[i] === 1,
    );
    const label = checkedLabel(labels[i] ?? '', where);
    const box = {
      label,
      xMin,
      yMin: yMins[i] ?? Number.NaN,
      xMax: xMaxs[i] ?? Number.NaN,
      yMax: yMaxs[i] ?? Number.NaN,
    };
    return { ...box, ...Object.fromEntries(flags.map(([flag]) => [flag, true])) };
  });
  return { unit: 'relative', ...sizeOf(example), boxes };
}

function sizeOf(example: Example): Pick<SourceAnnotations, 'size'> {
  const [width] = featureOf(example, 'image/width').ints;
  const [height] = featureOf(example, 'image/height').ints;
  return width === undefined || height === undefined ? {} : { size: { width, height } };
}

const textsOf = (example: Example, name: string, where: string): string[] =>
  featureOf(example, name).bytes.map((bytes) => decodeUtf8(bytes, where));

function checkedLabel(text: string, where: string): string {
  const label = text.normalize('NFC');
  const wrong = labelProblem(label, where);
  if (wrong !== null) throw wrong;
  return label;
}

/** Reads the record again, checks it again, and writes its picture to a file of its own. */
async function takeOut({ tree }: Opening, entry: RecordEntry, scratchDir: string): Promise<string> {
  const { record, path } = entry;
  if (record === undefined) throw new Error(`${path} was not listed by this source`);
  const shard = await open(await tree.fetch(record.shard, scratchDir), 'r');
  try {
    const framed = Buffer.alloc(record.sizeBytes);
    const { bytesRead } = await shard.read(framed, 0, framed.length, record.offset);
    const where = `${tree.where}/${path}`;
    for await (const data of readRecords([framed.subarray(0, bytesRead)], where)) {
      const [encoded] = featureOf(readExample(data, where), 'image/encoded').bytes;
      const to = copyPath(join('record', path), scratchDir);
      if (encoded !== undefined) await writeFile(to, encoded);
      if (encoded !== undefined) return to;
    }
    throw transientError('DATASET_CHANGED', where, 'no such record any more', 'the file that was listed', 'repeat');
  } finally {
    await shard.close();
  }
}
