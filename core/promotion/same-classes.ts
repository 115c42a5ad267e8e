/** Whether two models tell the same classes apart, in the same order: their figures can be compared class by class. */
export function sameClasses(a: readonly string[], b: readonly string[]): boolean {
  return a.join('\n') === b.join('\n');
}
