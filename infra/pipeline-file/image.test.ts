import { describe, expect, it } from 'vitest';
import { inputImage } from '../../core/backbone-facts.ts';
import { parsePipeline } from './load.ts';

function parse(set: readonly string[]) {
  const parsed = parsePipeline(Buffer.from('name: a\ndataset: { source: . }\n'), 'graft.yaml', set);
  return parsed.ok ? { ...parsed.value, text: '' } : { config: null, warnings: [], text: parsed.error.message };
}

describe('image.normalization: measured', () => {
  it.each([
    ['scratch', []],
    ['full', ['NORMALIZATION_MEASURED']],
    ['gradual', ['NORMALIZATION_MEASURED']],
  ])('goes with strategy %s', (strategy, expected) => {
    const { warnings, text } = parse([`model.strategy=${strategy}`, 'image.normalization=measured']);
    expect(text).toBe('');
    const codes = warnings.map(({ code }) => code);
    expect(codes.filter((code) => code.startsWith('NORMALIZATION'))).toEqual(expected);
  });

  it.each(['head', 'last-n', 'linear-probe'])(
    'is refused in front of layers that strategy %s keeps frozen',
    (strategy) => {
      const { text } = parse([`model.strategy=${strategy}`, 'image.normalization=measured']);
      expect(text).toMatch(/^NORMALIZATION_MISMATCH: .*efficientnet-lite0 was trained with .*frozen layers/);
    },
  );
});

describe('image.resize: keep-aspect', () => {
  const frameOf = (set: readonly string[]) => {
    const { config, text } = parse(['image.resize=keep-aspect', ...set]);
    if (config === null) throw new Error(text);
    return inputImage(config.image, config.model.backbone);
  };

  it('has one square for every picture, whichever way it lies, or the size that is given', () => {
    const keepAspect = { minPx: 600, maxPx: 1024 };
    expect(frameOf([])).toEqual({ heightPx: 1024, widthPx: 1024, channels: 3, resize: 'keep-aspect', keepAspect });
    const given = frameOf(['image.size=[300, 400]', 'image.keepAspect.maxPx=800']);
    expect(given).toMatchObject({ heightPx: 300, widthPx: 400, keepAspect: { minPx: 600, maxPx: 800 } });
  });

  it('leaves the other ways as they were', () => {
    const { config } = parse(['image.resize=pad']);
    expect(inputImage(config!.image, 'tiny-cnn')).toEqual({ heightPx: 32, widthPx: 32, channels: 3, resize: 'pad' });
  });

  it('refuses a shorter side that is longer', () => {
    const { text } = parse(['image.keepAspect={minPx: 900, maxPx: 600}']);
    expect(text).toMatch(/CONFIG_VALUE: .*image\.keepAspect — minPx 900, maxPx 600 — minPx at most maxPx — swap them/);
  });
});
