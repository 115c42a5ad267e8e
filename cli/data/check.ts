import { writeFile } from 'node:fs/promises';
import { Command } from 'commander';
import { failedCheck, heeded } from '../../core/dataset/checks.ts';
import { isOverLimit, quarantineError } from '../../core/dataset/quarantine.ts';
import { reportPage } from '../../core/dataset/report-page.ts';
import { curveLines, learningCurveOf } from '../lib/learning-curve.ts';
import { lookAtLocal, readLocalData, targetOf } from '../lib/local-data.ts';
import { count, plural } from '../lib/units.ts';
import { outputOf, withCommonOptions } from '../output.ts';

const HELP = `
Looks at a data set as a run's validation does: unusable files, copies and near-copies, contradicting labels, balance,
sizes, boxes that vanish at the input size, and whether the test is large enough. Exit code 2 where dataset.checks or
dataset.maxQuarantined refuses it.

Examples:
  graft data check ./pets
  graft data check graft.yaml --report report.html
  graft data check graft.yaml --learning-curve

A learning curve takes the network and the weights of graft.yaml, sends every image through it once, and scores a linear
classifier on the images that the split holds out; it also names held-out images that are like no training image.`;

/** Unusable files that a person is shown; `--json` has them all. */
const SHOWN = 5;

interface CheckFlags {
  readonly report?: string;
  readonly learningCurve?: boolean;
}

/** `graft data check PATH`. */
export function checkCommand(): Command {
  const command = withCommonOptions(
    new Command('check')
      .description('Say whether a data set is fit to train on.')
      .argument('<source>', 'a data set, a graft.yaml, or NAME@VERSION')
      .option('--report <file>', 'write the whole report as one HTML page')
      .option('--learning-curve', 'also learn from growing shares of it: whether more images would help')
      .addHelpText('after', HELP),
  );
  return command.action(async (source: string, { report, learningCurve }: CheckFlags) => {
    const output = outputOf(command);
    const target = await targetOf(source);
    const data = await readLocalData(target, output);
    const looked = lookAtLocal(data);
    const { checks, maxQuarantined } = target.dataset;
    const findings = heeded(looked.report.findings, checks);
    if (report !== undefined) {
      await writeFile(report, reportPage(target.name, { ...looked.report, findings }));
      output.say(`the whole report: ${report}`);
    }
    for (const { path, code, reason } of data.quarantined.slice(0, SHOWN))
      output.warn(`unusable: ${path} — ${code}: ${reason}`);
    if (data.quarantined.length > SHOWN) output.warn(`unusable: ${count(data.quarantined.length - SHOWN)} more`);
    for (const { level, code, message } of findings)
      output.say(`${level === 'warning' ? 'WARNING ' : ''}${code}: ${message}`);
    const { statistics, testSize, duplicates, boxes, colours } = looked.report;
    output.say(`${plural(statistics.images, 'image')} looked at, ${plural(findings.length, 'remark')}`);
    const curve = learningCurve === true ? await learningCurveOf(data, looked, output) : null;
    for (const line of curve === null ? [] : curveLines(curve)) output.say(line);
    const quarantined = data.quarantined.map((item) => ({ ...item }));
    output.result({
      format: data.format,
      findings: findings.map((finding) => ({ ...finding })),
      quarantined,
      ...(curve === null ? {} : { learningCurve: JSON.parse(JSON.stringify(curve)) }),
      statistics: JSON.parse(JSON.stringify({ statistics, testSize, duplicates, boxes, colours })),
    });
    const counts = { usable: data.items.length, quarantined: quarantined.length, maxShare: maxQuarantined };
    if (isOverLimit(counts) || data.items.length === 0) throw quarantineError(target.name, counts, data.quarantined);
    const failed = failedCheck(findings, checks, target.name);
    if (failed !== null) throw failed;
  });
}
