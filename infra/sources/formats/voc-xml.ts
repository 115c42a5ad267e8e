import { z } from 'zod';
import type { Box, SourceAnnotations } from '../../../core/dataset/annotations.ts';
import { fromVoc } from '../../../core/dataset/box-formats.ts';
import { labelProblem } from '../../../core/dataset/names.ts';
import { inputError } from '../../../core/errors.ts';
import type { GraftError } from '../../../core/errors.ts';
import { parseXml } from '../text/xml.ts';

/** Text of a number: VOC2007 has fractions here and there. */
const Amount = z
  .string()
  .trim()
  .regex(/^[+-]?\d{1,12}(?:\.\d+)?(?:e[+-]?\d{1,2})?$/i)
  .transform(Number);
const Flag = z.string().optional();
const VocObject = z.object({
  name: z.string(),
  bndbox: z.object({ xmin: Amount, ymin: Amount, xmax: Amount, ymax: Amount }),
  difficult: Flag,
  truncated: Flag,
  occluded: Flag,
});
const Annotation = z.object({
  annotation: z.object({
    size: z.object({ width: Amount, height: Amount }).optional(),
    object: z.array(z.unknown()).optional(),
  }),
});

/** A VOC annotation: its objects with their flags. Throws XML_*, ANNOTATION_BOX, ANNOTATION_CLASS and LABEL_* (input). */
export function readVocXml(text: string, where: string): SourceAnnotations {
  const parsed = Annotation.safeParse(parseXml(text, where));
  if (!parsed.success) {
    throw inputError('XML_SYNTAX', where, 'no <annotation> as VOC has it', '<annotation> with <size> and <object>');
  }
  const { size, object = [] } = parsed.data.annotation;
  // Tools that never looked at the picture write 0×0.
  const known = size !== undefined && size.width > 0 && size.height > 0 ? { size } : {};
  return { unit: 'pixels', ...known, boxes: object.map((each, i) => boxOf(each, i, where)) };
}

function boxOf(value: unknown, index: number, where: string): Box {
  const parsed = VocObject.safeParse(value);
  if (!parsed.success) throw objectProblem(parsed.error, index, where);
  const { name, bndbox, difficult, truncated, occluded } = parsed.data;
  const label = name.trim().normalize('NFC');
  const wrong = labelProblem(label, `${where}, object ${index + 1}`);
  if (wrong !== null) throw wrong;
  const flags = Object.entries({ difficult, truncated, occluded }).flatMap(([flag, text]) =>
    text !== undefined && /^(?:1|true)$/i.test(text.trim()) ? [[flag, true] as const] : [],
  );
  return { label, ...fromVoc(bndbox), ...Object.fromEntries(flags) };
}

function objectProblem(error: z.ZodError, index: number, where: string): GraftError {
  const [issue] = error.issues;
  const at = issue?.path.join('.') ?? '';
  const code = at.startsWith('bndbox') ? 'ANNOTATION_BOX' : 'ANNOTATION_CLASS';
  return inputError(code, where, `object ${index + 1} without a usable ${at}`, 'name and bndbox as VOC has them');
}
