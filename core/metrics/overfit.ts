/** A gap in accuracy between training and held-out data that people should hear of. */
const GAP = 0.1;

export interface FitFigures {
  readonly trainAccuracy: number;
  readonly trainLoss: number;
  readonly validationAccuracy: number;
  readonly validationLoss: number;
}

/**
 * Warnings where training and held-out figures drift apart: OVERFIT when training accuracy is 10 points above
 * validation's, VALIDATION_GAP when the test set scores 10 points below validation (the validation side was too small
 * or was looked at too often).
 */
export function overfitFindings(
  best: FitFigures,
  testAccuracy: number,
): { level: 'info' | 'warning'; code: string; message: string }[] {
  const findings: { level: 'info' | 'warning'; code: string; message: string }[] = [];
  if (best.trainAccuracy - best.validationAccuracy > GAP) {
    findings.push({
      level: 'warning',
      code: 'OVERFIT',
      message: `training accuracy ${show(best.trainAccuracy)} against validation ${show(best.validationAccuracy)}: the network learns the pictures by heart; freeze more, add augmentation or data, or stop earlier`,
    });
  }
  if (best.validationAccuracy - testAccuracy > GAP) {
    findings.push({
      level: 'warning',
      code: 'VALIDATION_GAP',
      message: `validation accuracy ${show(best.validationAccuracy)} against test ${show(testAccuracy)}: the validation side may be too small or unlike the test side`,
    });
  }
  return findings;
}

const show = (share: number): string => `${(100 * share).toFixed(1)} %`;
