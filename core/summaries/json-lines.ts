/** The objects of a file of JSON lines that may be under way: a torn or foreign line is passed over. */
export function* jsonLines(text: string): Generator<Readonly<Record<string, unknown>>> {
  for (const line of text.split('\n')) {
    const value = parsed(line);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) yield { ...value };
  }
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}
