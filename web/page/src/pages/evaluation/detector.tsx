import { useMemo } from 'react';
import type { DetectionEvaluation, JudgedPicture } from '../../../../../contracts/web.ts';
import { Bars } from '../../charts/bars.tsx';
import { Confusion } from '../../charts/confusion.tsx';
import { count, figure, percent, plural } from '../../lib/format.ts';
import { imageUrl } from '../../lib/images.ts';
import { Card, Empty, Stats } from '../../ui/parts.tsx';
import { Pictures } from '../../ui/pictures.tsx';
import type { Picture } from '../../ui/pictures.tsx';
import { Findings } from '../../ui/rules.tsx';
import { ClassCurves } from './class-curves.tsx';
import { DetectedClasses } from './detected-classes.tsx';
import { AttributeSlices } from './slices.tsx';

/** How good a detector is: precision over classes and sizes, why it is lost, and where. */
export function Detector({ evaluation, path }: { readonly evaluation: DetectionEvaluation; readonly path: string }) {
  const { classes, perClass, confusion, worst, findings, champion, scoreThreshold } = evaluation;
  const withBackground = useMemo(() => [...classes, 'nothing'], [classes]);
  return (
    <div className="stack">
      <Headlines evaluation={evaluation} />
      <Card
        title="Where most is wrong"
        actions={<span className="muted small">{plural(worst.length, 'picture')}</span>}
      >
        {worst.length === 0 ? (
          <Empty title="In none" />
        ) : (
          <div className="stack large-pictures">
            <p className="small muted legend">
              <span className="key key-wrong">found, but wrong</span>
              <span className="key key-missed">missed</span>
              <span className="key key-right">right</span>
              <span>from a score of {figure(scoreThreshold, 2)} on, at an overlap of one half</span>
            </p>
            <Pictures label="Where most is wrong" pictures={worst.map(pictureOf)} />
          </div>
        )}
      </Card>
      <div className="columns">
        <ClassCurves path={path} classes={classes} />
        <Errors evaluation={evaluation} />
      </div>
      <Card title="Classes" flush>
        <DetectedClasses rows={perClass} version={champion?.version ?? null} />
      </Card>
      <AttributeSlices path={path} />
      <Card title="What is taken for what">
        <Confusion classes={withBackground} cells={confusion} chosen={null} />
        <p className="small muted">
          The last row is what was found where nothing is; the last column what was not found.
        </p>
      </Card>
      {findings.length === 0 ? null : (
        <Card title="Worth knowing" flush>
          <Findings findings={findings} />
        </Card>
      )}
    </div>
  );
}

/** −1 stands for nothing to measure. */
const share = (value: number | undefined): string => (value === undefined || value < 0 ? '–' : figure(value, 3));

const brief = (value: number): string => (value < 0 ? '–' : value.toFixed(2).replace(/^0/, ''));

function Headlines({
  evaluation: { coco, voc07, intervals, images, objects, detections, champion },
}: {
  readonly evaluation: DetectionEvaluation;
}) {
  const beside = (name: 'AP' | 'AP50' | 'AP75'): string | null => {
    const before = champion?.coco?.[name];
    return before === undefined || champion === null ? null : `champion v${String(champion.version)}: ${share(before)}`;
  };
  const range = ({ low, high }: { readonly low: number; readonly high: number }): string =>
    `95 %: ${share(low)} to ${share(high)}`;
  return (
    <Stats
      facts={[
        { label: 'mAP, IoU .5', value: share(coco.AP50), note: beside('AP50') ?? range(intervals.AP50) },
        { label: 'mAP, IoU .5 to .95', value: share(coco.AP), note: beside('AP') ?? range(intervals.AP) },
        { label: 'mAP, IoU .75', value: share(coco.AP75), note: beside('AP75') },
        { label: 'mAP, VOC 2007', value: share(voc07) },
        { label: 'Small, medium, large', value: [coco.APsmall, coco.APmedium, coco.APlarge].map(brief).join(' · ') },
        { label: 'Recall, 100 a picture', value: share(coco.AR100) },
        {
          label: 'Test images',
          value: count(images),
          note: `${count(objects)} objects, ${count(detections)} detections`,
        },
      ]}
    />
  );
}

const kinds = {
  missed: 'not found at all',
  localization: 'right class, box too far off',
  classification: 'right box, another class',
  both: 'class and box both off',
  duplicate: 'found twice',
  background: 'found where nothing is',
} as const;

/** TIDE's kinds of errors: what precision would gain if those of one kind were mended. */
function Errors({ evaluation: { errors } }: { readonly evaluation: DetectionEvaluation }) {
  const names = Object.entries(kinds) as [keyof typeof kinds, string][];
  return (
    <Card title="Why precision is lost">
      <div className="stack">
        <Bars
          label="What would be gained"
          bars={names
            .map(([kind, name]) => ({
              name,
              value: Math.max(0, errors.gains[kind]),
              text: `+${percent(errors.gains[kind])} · ${count(errors.counts[kind])}`,
            }))
            .sort((a, b) => b.value - a.value)}
        />
        <p className="small muted">
          What mAP at IoU .5 would gain if the errors of one kind were mended, and how many there are (TIDE).
        </p>
      </div>
    </Card>
  );
}

const tones = { right: 'truth', wrong: 'wrong', missed: 'missed' } as const;

function pictureOf({ path, sha256, width, height, boxes }: JudgedPicture): Picture {
  const counts = (['missed', 'wrong', 'right'] as const)
    .map((kind) => `${count(boxes.filter(({ judgement }) => judgement === kind).length)} ${kind}`)
    .join(', ');
  return {
    key: path,
    src: sha256 === null ? null : imageUrl(sha256),
    alt: `${path}: ${counts}`,
    boxes: boxes.map(({ box: [x, y, w, h], judgement, label, score }) => ({
      ...{ x: x / width, y: y / height, width: w / width, height: h / height, tone: tones[judgement] },
      label: score === null ? label : `${label} ${percent(score, 0)}`,
    })),
    caption: (
      <>
        <strong>{counts}</strong>
        <br />
        <span className="muted">{path}</span>
      </>
    ),
  };
}
