/**
 * Order by Unicode code point: the order of UTF-8 bytes, in which object stores list keys. JavaScript's own `<` compares
 * UTF-16 units and puts U+10000 and above before U+E000 … U+FFFF.
 */
export function compareText(a: string, b: string): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) {
    const unitA = a.charCodeAt(i);
    const unitB = b.charCodeAt(i);
    if (unitA === unitB) continue;
    const highA = isSurrogate(unitA);
    return highA === isSurrogate(unitB) ? unitA - unitB : highA ? 1 : -1;
  }
  return a.length - b.length;
}

const isSurrogate = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdfff;

/** Class names without repeats, in code-point order: the index of a name is its label in tensors. */
export function sortedClasses(labels: Iterable<string>): string[] {
  return [...new Set(labels)].sort(compareText);
}
