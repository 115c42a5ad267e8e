import { XMLParser, XMLValidator } from 'fast-xml-parser';
import { inputError, messageOf } from '../../../core/errors.ts';
import type { GraftError } from '../../../core/errors.ts';

/** Elements in elements: VOC has four levels. */
const MAX_DEPTH = 50;
const MAX_ELEMENTS = 200_000;

const parser = new XMLParser({
  parseTagValue: false,
  ignoreAttributes: true,
  // The five of XML and numbers, but none that a document declares: there is no DOCTYPE.
  processEntities: true,
  isArray: (name) => name === 'object' || name === 'part',
});

/** Elements as objects of text. XML_DOCTYPE before anything is parsed (no entities, no outside), XML_DEPTH, XML_SYNTAX. */
export function parseXml(text: string, where: string): unknown {
  if (/<!(?:DOCTYPE|ENTITY)/i.test(text)) {
    throw inputError('XML_DOCTYPE', where, 'a DOCTYPE', 'plain elements', 'remove it');
  }
  const tooDeep = depthProblem(text, where);
  if (tooDeep !== null) throw tooDeep;
  try {
    const valid = XMLValidator.validate(text);
    if (valid === true) return parser.parse(text);
    const { line, msg } = valid.err;
    throw inputError('XML_SYNTAX', where, `line ${line}: ${msg}`.slice(0, 200), 'XML', 'write the file again');
  } catch (error) {
    if (error instanceof Error && 'code' in error) throw error;
    throw inputError('XML_SYNTAX', where, messageOf(error).slice(0, 200), 'XML', 'write the file again');
  }
}

function depthProblem(text: string, where: string): GraftError | null {
  let [depth, elements] = [0, 0];
  for (const [tag] of text.matchAll(/<[/A-Za-z_][^<>]{0,1000}>?/g)) {
    if (tag.startsWith('</')) depth--;
    else if (!tag.endsWith('/>')) depth++;
    if (depth <= MAX_DEPTH && ++elements <= MAX_ELEMENTS) continue;
    return inputError('XML_DEPTH', where, 'elements without end', `${MAX_DEPTH} levels`, 'look at what it is');
  }
  return null;
}
