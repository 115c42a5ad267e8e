import { describe, expect, it } from 'vitest';
import type { SweepReport } from '../../contracts/sweep.ts';
import { asRunId } from '../../core/ids.ts';
import { sweepCsv } from './sweep-csv.ts';
import { sweepHtml } from './sweep-html.ts';

const report: SweepReport = {
  sweepId: asRunId('digits'),
  status: 'completed',
  ended: 'finished',
  best: null,
  pareto: [],
  objectives: [{ metric: 'validation.loss', goal: 'minimize' }],
  trials: ['=cmd()', '-1+1', 'a,"b"', '<script>alert(1)</script>'].map((note, trial) => ({
    trial,
    runId: asRunId(`digits-t000${trial}`),
    values: { 'model.weights': note, 'train.rate': -0.5 },
    state: 'done' as const,
    metric: -trial,
    metrics: [-trial],
    epochs: 3,
    steps: 9,
    seconds: 1.25,
    reason: null,
  })),
  legs: 4,
  executions: 1,
  promotion: null,
  error: null,
};

describe('a sweep written', () => {
  it('as CSV: texts can’t be formulas, numbers stay numbers', () => {
    expect(sweepCsv(report).split('\r\n').slice(0, 4)).toEqual([
      'trial,run,state,validation.loss,epochs,steps,seconds,model.weights,train.rate',
      "0,digits-t0000,done,0,3,9,1.3,'=cmd(),-0.5",
      "1,digits-t0001,done,-1,3,9,1.3,'-1+1,-0.5",
      '2,digits-t0002,done,-2,3,9,1.3,"a,""b""",-0.5',
    ]);
  });

  it('as a page: foreign texts are inert, and nothing may be loaded', () => {
    const parameter = {
      name: 'train.rate',
      domain: { kind: 'float', low: -1, high: 1, log: false, step: null },
      when: null,
      points: null,
    } as const;
    const html = sweepHtml(report, { parameters: [parameter], constraints: [] });
    expect(html).not.toContain('<script');
    expect(html).toContain("default-src 'none'");
    expect(html.match(/<polyline/g)).toHaveLength(5);
  });
});
