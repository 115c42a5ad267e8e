import { classesOf } from './annotations.ts';
import type { ItemAnnotations } from './annotations.ts';
import { BoxCollector } from './box-statistics.ts';
import type { InputFrame } from './box-statistics.ts';
import type { Checks } from './checks.ts';
import { measureColours } from './colours.ts';
import type { Colours } from './colours.ts';
import type { Described } from './drift.ts';
import { judgeDuplicates } from './duplicates.ts';
import type { ComparedItem, Duplicates } from './duplicates.ts';
import { datasetFindings } from './findings.ts';
import type { DatasetFinding, FindingsContext } from './findings.ts';
import { nearPairs } from './near-duplicates.ts';
import type { NearPair } from './near-duplicates.ts';
import type { BadItem } from './quarantine.ts';
import type { DatasetReport } from './report-page.ts';
import { unitOf } from './split-units.ts';
import { StatisticsCollector } from './statistics.ts';
import type { MeasuredItem } from './statistics.ts';
import { testSizeOf } from './test-size.ts';

export interface LookOptions {
  readonly context: FindingsContext;
  readonly checks: Checks;
  /** Share that is held out for the test. */
  readonly testShare: number;
}

export interface LookedAt {
  readonly report: DatasetReport;
  readonly alike: Duplicates['alike'];
  readonly dropped: readonly BadItem[];
  readonly described: Described;
}

/** Images of a test below which two good models can't be told apart by five points. */
const TELLABLE = 0.05;

/**
 * A look at a whole data set: items one by one, then their looks, then what there is to say. Memory grows with the
 * items: some 300 bytes each.
 */
export class DatasetLook {
  private readonly options: LookOptions;
  private readonly statistics: StatisticsCollector;
  private readonly boxes: BoxCollector;
  private readonly items: ComparedItem[] = [];
  private readonly labels = new Map<string, string>();
  private readonly pairs: NearPair[] = [];
  private readonly given = new Map<string, number>();
  private colours: Colours | null = null;
  private compared = false;
  private hasBoxes = false;

  constructor(options: LookOptions) {
    const { target, resize } = options.context;
    const frame: InputFrame = { ...target, resize };
    this.options = options;
    this.statistics = new StatisticsCollector(target);
    this.boxes = new BoxCollector(frame);
  }

  add(item: MeasuredItem & ItemAnnotations): void {
    this.statistics.add(item);
    if (item.boxes !== undefined) {
      this.hasBoxes = true;
      this.boxes.add({ path: item.path, width: item.width, height: item.height, boxes: item.boxes });
    }
    if (item.side !== undefined) this.given.set(item.side, (this.given.get(item.side) ?? 0) + 1);
    const text = classesOf(item).sort().join(', ');
    // One string a label, not one an item.
    const label = this.labels.get(text) ?? text;
    this.labels.set(label, label);
    const { path, sha256, side } = item;
    this.items.push({ path, label, sha256, unit: unitOf(item), side, pixels: item.width * item.height });
  }

  /** Compares the pictures by their looks, in the order of the items; yields how many are done. Null: there are none. */
  *compare(looks: Uint8Array | null): Generator<number> {
    if (looks === null) return;
    this.colours = measureColours(looks);
    const isSame = (a: number, b: number): boolean => this.items[a]?.sha256 === this.items[b]?.sha256;
    for (const { row, pairs } of nearPairs(looks, isSame)) {
      this.pairs.push(...pairs);
      yield row + 1;
    }
    this.compared = true;
  }

  finish(): LookedAt {
    const { context, checks } = this.options;
    const statistics = this.statistics.finish();
    const boxes = this.hasBoxes ? this.boxes.finish() : null;
    const duplicates = judgeDuplicates(this.items, this.pairs, checks);
    const testImages = this.given.get('test') ?? Math.round(this.options.testShare * statistics.images);
    const testSize = testSizeOf(testImages);
    const findings = [
      ...datasetFindings(statistics, context),
      ...duplicates.findings,
      ...(boxes === null ? [] : boxFindings(boxes, context)),
      ...testFindings(testSize.images, testSize.tellable),
    ];
    const report = {
      findings,
      statistics,
      boxes,
      colours: this.colours,
      duplicates: this.compared ? duplicates.report : null,
      testSize,
      dropped: duplicates.dropped.length,
    };
    const { perClass, width, height } = statistics;
    const described = { perClass, width: width.mean, height: height.mean, colours: this.colours };
    return { report, alike: duplicates.alike, dropped: duplicates.dropped, described };
  }
}

function boxFindings(boxes: NonNullable<DatasetReport['boxes']>, { target }: FindingsContext): DatasetFinding[] {
  const found: DatasetFinding[] = [];
  const size = `${target.heightPx}×${target.widthPx}`;
  const [first] = boxes.examples;
  if (boxes.vanishing > 0 && first) {
    const seen = first.seenAt === null ? '' : `, which ${first.seenAt}×${first.seenAt} would show`;
    const example = `${first.label} in ${first.path} (${first.inInput.join('×')} pixels${seen})`;
    const message = `${boxes.vanishing} of ${boxes.boxes} boxes vanish at ${size}: ${example}`;
    found.push({ level: 'warning', code: 'BOX_VANISHING', message });
  }
  if (boxes.belowAnchors > 0.1 * boxes.boxes) {
    const message = `${boxes.belowAnchors} of ${boxes.boxes} boxes are smaller than SSD's smallest anchor can match`;
    found.push({ level: 'info', code: 'BOX_ANCHORS', message });
  }
  if (boxes.imagesWithout > 0) {
    found.push({
      level: 'info',
      code: 'BOX_NONE',
      message: `${boxes.imagesWithout} images have no box: they teach what is nothing`,
    });
  }
  return found;
}

/** Below this many images even a rough figure is luck, and nobody needs to be told of a toy. */
function testFindings(images: number, tellable: number): DatasetFinding[] {
  if (tellable <= TELLABLE) return [];
  const percent = `${Math.round(1000 * tellable) / 10} points`;
  const message = `the test of about ${images} images can't tell two models apart that differ by less than ${percent} of accuracy`;
  return [{ level: 'info', code: 'TEST_SMALL', message }];
}
