import type {
  ApprovalRow,
  Approvals,
  Curves,
  Dataset,
  DatasetDiffView,
  DatasetItems,
  Datasets,
  Evaluation,
  Health,
  Model,
  ModelDiff,
  ModelExports,
  Models,
  Overview,
  Prediction,
  ScoredItem,
  Session,
  Slices,
  TrainingPictures,
  Trainings,
} from '../../../contracts/web.ts';
import { asRunId, asSha256 } from '../../../core/ids.ts';
import { rows } from './made-up-runs.ts';

/** Answers as the dashboard's server gives them, for looking at the page without anything behind it. All made up. */

export const hash = (n: number): string => n.toString(16).padStart(2, '0').repeat(32);
export const at = (minutesAgo: number): string => new Date(Date.now() - minutesAgo * 60_000).toISOString();
const rules = [
  { rule: 'minimum accuracy', passed: true, explanation: '.941 is at least .9' },
  {
    rule: 'better than the champion',
    passed: true,
    explanation: '32 images right that it has wrong, 11 the other way',
  },
];
export const classes = [
  'beagle',
  'boxer',
  'chihuahua',
  'great pyrenees',
  'pug',
  'samoyed',
  '<script>alert(1)</script>',
];

export const session: Session = {
  ...{ user: 'ada', role: 'approver', graftVersion: '0.1.0', expiresAt: at(-600) },
};
export const health: Health = {
  temporal: { ok: true, problem: null, since: at(100) },
  store: { ok: true, problem: null, since: at(100) },
};

export const approval: ApprovalRow = {
  ...{ runId: 'pets-20261126-101500-0003', model: 'pets', alias: 'champion', rules, round: 1 },
  ...{ requestedBy: 'schedule pets-nightly', approvers: ['ada', 'grace'] },
  perClass: classes.map((label, i) => ({ label, support: 200, challenger: 0.95 - i / 90, champion: 0.92 - i / 70 })),
  metrics: { accuracy: 0.941, macroF1: 0.938, loss: 0.212 },
  champion: { version: 3, metrics: { accuracy: 0.917, macroF1: 0.911, loss: 0.281 } },
  ...{ since: at(42), expiresAt: at(-1440) },
};
export const approvals: Approvals = { approvals: [approval] };

export const overview: Overview = {
  counts: { running: 2, waiting: 1, completed: 9_771, failed: 173, cancelled: 54 },
  running: rows.filter(({ status }) => status === 'running').slice(0, 2),
  waiting: [approval],
  failed: rows.filter(({ status }) => status === 'failed').slice(0, 5),
  recent: rows.slice(2, 12),
  next: [
    { scheduleId: 'pets-nightly', name: 'pets', at: at(-190) },
    { scheduleId: 'digits-weekly', name: 'digits', at: at(-4_000) },
  ],
  champions: [
    { model: 'pets', alias: 'champion', version: 3, accuracy: 0.917, since: at(3_000) },
    { model: 'digits', alias: 'champion', version: 12, accuracy: 0.9871, since: at(30_000) },
  ],
};

const scored = (n: number, truth: string, predicted: string): ScoredItem => ({
  ...{ path: `${truth}/${String(n).padStart(4, '0')}.jpg`, sha256: hash(n % 200), truth, predicted },
  ...{ score: 0.98 - n / 100, truthScore: 0.01 + n / 200, loss: 4 - n / 10 },
});
export const scoredItems = (truth: number, predicted: number): ScoredItem[] =>
  Array.from({ length: 14 }, (_, n) => scored(n, classes[truth] ?? '', classes[predicted] ?? ''));

const headline = { images: 1_400, loss: 0.212, accuracy: 0.941, top5: 0.998, macroPrecision: 0.94 };
const heads = { ...headline, macroRecall: 0.937, macroF1: 0.938 };
const before = { ...heads, loss: 0.281, accuracy: 0.917, macroF1: 0.911, macroPrecision: 0.916, macroRecall: 0.909 };
const confusion = classes.flatMap((_, t) =>
  classes.flatMap((_, p): [number, number, number][] => {
    const value = t === p ? 180 + ((t * 7) % 20) : (t * 5 + p * 3) % 4 === 0 ? ((t + p) % 5) * 2 : 0;
    return value === 0 ? [] : [[t, p, value]];
  }),
);
const calibration = {
  error: 0.031,
  bins: Array.from({ length: 10 }, (_, b) => ({
    ...{ from: b / 10, to: (b + 1) / 10, count: b < 3 ? b * 2 : 20 + b * b * 12 },
    ...{ confidence: b / 10 + 0.05, accuracy: Math.max(0, b / 10 + 0.05 - (b > 5 ? 0.06 : -0.02)) },
  })),
};
export const evaluation: Evaluation = {
  ...{ task: 'classification', classes, headline: heads, confusion, calibration },
  perClass: classes.map((label, index) => ({
    ...{ index, label, support: 200, precision: 0.95 - index / 80, recall: 0.94 - index / 60, f1: 0.945 - index / 70 },
    champion: { precision: 0.92 - index / 90, recall: 0.92 - index / 70, f1: 0.92 - index / 80 },
  })),
  worst: Array.from({ length: 12 }, (_, n) => scored(n, classes[n % 6] ?? '', classes[(n + 3) % 6] ?? '')),
  findings: [{ level: 'warning', code: 'CLASS_CONFUSED', message: 'boxer is taken for pug in 4.1 % of its images' }],
  champion: { version: 3, headline: before, confusion, calibration: { ...calibration, error: 0.044 } },
};

export const slices: Slices = {
  ...{ kind: 'paths', by: '(day|dusk|<b>night</b>)', total: 3, unmatched: 12, championVersion: 3 },
  slices: ['day', 'dusk', '<b>night</b>'].map((slice, i) => ({
    ...{ slice, images: [912, 448, 28][i] ?? 0, accuracy: 0.96 - i / 20 },
    ...{ low: 0.94 - i / 12, high: 0.98 - i / 60, champion: 0.93 - i / 30 },
  })),
};

const bend = (power: number): [number, number][] =>
  Array.from({ length: 60 }, (_, i) => [i / 59, 1 - (i / 59) ** power]);
const rise = (power: number): [number, number][] =>
  Array.from({ length: 60 }, (_, i) => [i / 59, 1 - (1 - i / 59) ** power]);
export const curves: Curves = {
  ...{ label: null, positives: 1_400 },
  precisionRecall: { points: bend(14), area: 0.972 },
  roc: { points: rise(22), area: 0.993 },
  champion: {
    precisionRecall: { points: bend(9), area: 0.951 },
    roc: { points: rise(14), area: 0.987 },
  },
};

export const datasets: Datasets = {
  datasets: [
    {
      name: 'pets',
      versions: [7, 6].map((n) => ({
        ...{ version: hash(n), createdAt: at(n * 900), images: 7_349 - n, classes: 7, boxes: null },
        sizeBytes: 790_000_000 - n * 1e6,
      })),
    },
  ],
};
const bins = (from: number, step: number) =>
  [3, 40, 310, 2_900, 3_700, 380, 16].map((count, i) => ({ from: from + i * step, to: from + (i + 1) * step, count }));
export const dataset: Dataset = {
  ...{ name: 'pets', version: hash(7), task: 'classification', format: 'folders', images: 7_349, boxes: null },
  sizeBytes: 790_000_000,
  perClass: classes.map((label, i) => ({ label, count: 1_800 - i * 230 })),
  sizes: { width: bins(100, 100), height: bins(100, 80), aspect: bins(0.5, 0.25) },
  boxSizes: [],
  anchorFit: null,
  quarantine: {
    total: 3,
    items: [
      { path: 'pug/0091.jpg', code: 'IMAGE_TRUNCATED', reason: 'ends after 12,288 of 48,113 bytes' },
      { path: 'boxer/notes.jpg', code: 'IMAGE_TYPE_MISMATCH', reason: 'it is text' },
      { path: '"><img src=x onerror=alert(1)>.png', code: 'IMAGE_EMPTY', reason: '0 bytes' },
    ],
  },
  duplicates: {
    total: 2,
    groups: [
      ['pug/0001.jpg', 'pug/0002.jpg'],
      ['beagle/0007.jpg', 'boxer/0008.jpg'],
    ],
  },
  findings: [{ level: 'warning', code: 'CLASS_IMBALANCE', message: 'beagle has 4.3 times the images of samoyed' }],
  split: {
    ...{ key: hash(9), counts: { train: 5_144, validation: 735, test: 1_470 } },
    perClass: classes.map((label, i) => ({
      label,
      counts: { train: 1_260 - i * 160, validation: 180 - i * 23, test: 360 - i * 46 },
    })),
  },
};
export const items = (search: string): DatasetItems => ({
  items: Array.from({ length: 60 }, (_, n) => ({
    ...{ path: search !== '' ? search : `${classes[n % 6] ?? ''}/${String(n).padStart(4, '0')}.jpg` },
    ...{ label: classes[n % 6] ?? '', sha256: hash(n), width: 500 - n, height: 375, sizeBytes: 48_000 + n * 997 },
    boxes: n % 5 === 0 ? [{ label: 'head', xMin: 120, yMin: 60, xMax: 320, yMax: 240 }] : null,
  })),
  ...{ total: 7_349, cursor: null },
});
export const trainings: Trainings = {
  trainings: [4, 3].map((version) => ({
    ...{ runId: `pets-20261126-101500-000${String(version)}`, model: 'pets', version, createdAt: at(version) },
  })),
};
const framed = (shift: number) => [{ label: 'head', x: 0.2 + shift, y: 0.25, width: 0.4, height: 0.45 }];
export const trainingPictures: TrainingPictures = {
  ...{ epochs: 12, on: ['flipHorizontal', 'crop', 'mixup'], seed: 1, total: 5_144, cursor: '12' },
  items: Array.from({ length: 12 }, (_, row) => ({
    ...{ row, path: `${classes[row % 7] ?? ''}/${String(row).padStart(4, '0')}.jpg`, label: classes[row % 7] ?? '' },
    boxes: row % 3 === 0 ? framed(0) : [],
    draws: [1, 2, 3].map((epoch) => ({
      ...{ epoch, boxes: row % 3 === 0 && epoch < 3 ? framed(epoch / 10) : [] },
      mixed: epoch === 2 ? { path: 'pug/0091.jpg', label: classes[6] ?? '', ownShare: 0.72 } : null,
    })),
  })),
};
const none = { total: 0, paths: [] };
export const diff: DatasetDiffView = {
  ...{ from: hash(6), to: hash(7), same: 7_300, removed: none, moved: none, changed: none },
  added: { total: 2, paths: ['pug/0401.jpg', 'pug/0402.jpg'] },
  relabelled: { total: 1, paths: ['boxer/0017.jpg'] },
  classes: classes.map((label, i) => ({ label, before: 1_798 - i * 230, after: 1_800 - i * 230 })),
};

export const models: Models = {
  models: [
    { name: 'pets', aliases: { champion: 3 }, versions: 4, newest: { version: 4, createdAt: at(42), accuracy: 0.941 } },
    {
      name: 'digits',
      aliases: { champion: 12 },
      versions: 12,
      newest: { version: 12, createdAt: at(9_000), accuracy: 0.9871 },
    },
  ],
};
const sha = (n: number) => asSha256(hash(n));
export const model: Model = {
  ...{ name: 'pets', aliases: { champion: 3 }, problems: [] },
  versions: [4, 3, 2, 1].map((version) => ({
    ...{ version, createdAt: at((5 - version) * 2_000), runId: `pets-20261126-101500-000${String(version)}` },
    ...{ aliases: version === 3 ? ['champion'] : [], headline: version === 4 ? heads : before },
    model: {
      ...{ backbone: 'efficientnet-lite0', strategy: 'head', classes, normalization: 'tf', dropout: 0.2 },
      image: { heightPx: 224, widthPx: 224, channels: 3, resize: 'stretch' },
    },
    lineage: {
      dataset: { name: 'pets', version: hash(7), manifestKey: `datasets/pets/${hash(7)}/manifest.json` },
      ...{ splitKey: hash(11), prepareKey: hash(12), trainKey: hash(13), evaluateKey: hash(14), gateKey: hash(15) },
      graftVersion: '0.1.0',
    },
    ...{ weightsSha256: hash(20 + version), weightsBytes: 13_600_000 },
  })),
  ledger: [3, 2, 1].map((seq) => ({
    ...{ seq, time: at((5 - seq) * 2_000), actor: seq === 2 ? 'ada' : 'graft', alias: 'champion' },
    action: seq === 2 ? ('rollback' as const) : ('promote' as const),
    ...{
      from: seq === 1 ? null : seq - 1,
      to: seq,
      reason: seq === 2 ? 'pugs were worse in the field' : 'the gate let it through',
    },
    evidence: {
      runId: asRunId('pets-20261126-101500-0003'),
      rules,
      weightsSha256: sha(23),
      by: seq === 2 ? 'hand' : 'gate',
    },
  })),
};
export const modelExports: ModelExports = {
  exports: (['onnx', 'saved-model', 'tfjs'] as const).map((format, i) => ({
    ...{
      format,
      precision: i === 0 ? 'int8' : 'float32',
      createdAt: at(90 * (i + 1)),
      sizeBytes: 3_600_000 * (1 + 3 * i),
    },
    ...{ maxDifference: i === 0 ? 0.021 : 3e-7, images: 1_400 },
    mAP50: null,
    accuracy: i === 2 ? null : { images: 1_400, original: 0.941, exported: 0.941 - (i === 0 ? 0.002 : 0) },
    download: i === 1 ? null : { file: `${format}-float32.tar`, sizeBytes: 3_700_000 * (1 + 3 * i) },
  })),
};
export const modelDiff: ModelDiff = {
  ...{ from: 3, to: 4 },
  metrics: [
    { name: 'accuracy', from: 0.917, to: 0.941 },
    { name: 'loss', from: 0.281, to: 0.212 },
  ],
  perClass: classes.map((label, i) => ({ label, from: 0.9 - i / 100, to: 0.93 - i / 90 })),
  settings: [{ key: 'train.epochs', from: '5', to: '12' }],
};
export const prediction: Prediction = {
  ...{ model: 'pets', version: 3 },
  predictions: classes.slice(0, 5).map((label, i) => ({ label, score: [0.91, 0.06, 0.02, 0.007, 0.003][i] ?? 0 })),
};
