import { toVoc } from '../box-formats.ts';
import type { ExportItem } from './export-item.ts';

/** `Annotations/x.xml` as VOC2012's devkit has it. Boxes go to the nearest whole pixels. */
export function vocXml({ name, width, height, channels, boxes }: ExportItem): string {
  const objects = boxes.map((box) => {
    const { xmin, ymin, xmax, ymax } = toVoc(box, { width, height });
    const flag = (set: boolean | undefined): string => (set === true ? '1' : '0');
    return [
      '\t<object>',
      `\t\t<name>${escapeXml(box.label)}</name>`,
      '\t\t<pose>Unspecified</pose>',
      `\t\t<truncated>${flag(box.truncated)}</truncated>`,
      `\t\t<occluded>${flag(box.occluded)}</occluded>`,
      `\t\t<difficult>${flag(box.difficult)}</difficult>`,
      `\t\t<bndbox><xmin>${xmin}</xmin><ymin>${ymin}</ymin><xmax>${xmax}</xmax><ymax>${ymax}</ymax></bndbox>`,
      '\t</object>',
    ];
  });
  const lines = [
    '<annotation>',
    `\t<filename>${escapeXml(name)}</filename>`,
    `\t<size><width>${width}</width><height>${height}</height><depth>${channels}</depth></size>`,
    '\t<segmented>0</segmented>',
    ...objects.flat(),
    '</annotation>',
  ];
  return `${lines.join('\n')}\n`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
};

const escapeXml = (text: string): string => text.replace(/[&<>"']/g, (sign) => ENTITIES[sign] ?? sign);
