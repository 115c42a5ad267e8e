import type { RowAddress } from './draws.ts';
import { aroundZero, betweenLog, drawBoxShares, rowUniforms } from './draws.ts';
import type { AugmentSettings } from './settings.ts';
import type { Size, Transform } from './transform.ts';
import { compose, cropTo, flipHorizontal, flipVertical, IDENTITY, rotateBy, translateBy, zoomBy } from './transform.ts';

/** The one transform of an image: crop, flips, zoom, rotation, translation, done in this order. */
export function drawTransform(config: AugmentSettings, address: RowAddress, size: Size): Transform {
  const { crop, zoom, rotateDegrees, translate } = config;
  const steps: Transform[] = [];
  if (crop !== null) {
    const [area, aspect, left, top] = rowUniforms(address, 'crop');
    steps.push(cropTo({ ...drawBoxShares([area, aspect], crop), left, top }, size));
  }
  if (rowUniforms(address, 'flip-horizontal')[0] < config.flipHorizontal) steps.push(flipHorizontal(size));
  if (rowUniforms(address, 'flip-vertical')[0] < config.flipVertical) steps.push(flipVertical(size));
  if (zoom !== null) steps.push(zoomBy(betweenLog(rowUniforms(address, 'zoom')[0], zoom), size));
  if (rotateDegrees > 0) steps.push(rotateBy(aroundZero(rowUniforms(address, 'rotate')[0], rotateDegrees), size));
  if (translate > 0) {
    const [x, y] = rowUniforms(address, 'translate');
    steps.push(translateBy(aroundZero(x, translate) * size.widthPx, aroundZero(y, translate) * size.heightPx));
  }
  return steps.reduce(compose, IDENTITY);
}
