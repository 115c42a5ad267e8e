/** Pictures that go through a model together where nobody says. */
const TOGETHER = 32;

/**
 * How many pictures go through a model together, at most `most`. To Faster R-CNN one is a batch already, of its proposals:
 * more only take memory, a quarter of a GB each for ResNet50's 300 crops of 14 × 14 × 1024.
 */
export const inferenceBatch = (
  { detector }: { readonly detector?: { readonly kind: string } | undefined },
  most = TOGETHER,
): number => (detector?.kind === 'faster-rcnn' ? 1 : most);
