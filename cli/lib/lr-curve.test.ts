import { describe, expect, it } from 'vitest';
import { curveSvg, drawCurve } from './lr-curve.ts';

const curve = Array.from({ length: 50 }, (_, i) => ({
  rate: 1e-6 * 1.3 ** i,
  loss: 2 - i / 40 + (i > 40 ? i - 40 : 0),
}));
const suggestions = { valley: 1e-5, steep: 1e-4, minimum: 1e-3, slide: 2e-5 };

describe('a learning-rate curve', () => {
  it('in characters falls from the left, says its highest and lowest loss, and marks the rate', () => {
    const lines = drawCurve(curve, 1e-6 * 1.3 ** 25);
    expect(lines).toHaveLength(14 + 3);
    expect(lines[0]).toMatch(/^ {4}9\.\d\d │ {60,}•$/);
    expect(lines[13]).toMatch(/^ {4}1\.00 │ .*•/);
    expect(lines[15]!.indexOf('▲')).toBe(10 + Math.round((25 / 49) * 63));
    expect(lines[16]).toMatch(/1e-6 +4e-1$/);
    expect(drawCurve(curve, null)).toHaveLength(14 + 2);
  });

  it('of one loss alone lies in the middle and has no NaN', () => {
    const flat = curve.map(({ rate }) => ({ rate, loss: 1 }));
    expect(drawCurve(flat, 1e-5).filter((line) => line.includes('•'))).toHaveLength(1);
    expect(curveSvg(flat, suggestions)).not.toMatch(/NaN/);
  });

  it('as a picture is one line through all points, with a mark for each suggestion', () => {
    const svg = curveSvg(curve, suggestions);
    expect(/points="([^"]*)"/.exec(svg)![1]!.split(' ')).toHaveLength(curve.length);
    for (const name of Object.keys(suggestions)) expect(svg).toMatch(new RegExp(`>${name} \\d\\.\\de-\\d<`));
    expect(curveSvg(curve, null)).not.toMatch(/valley/);
  });
});
