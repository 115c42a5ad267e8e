import { toYolo } from '../box-formats.ts';
import type { ExportItem } from './export-item.ts';

/** `labels/x.txt`: class, centre, width and height as shares; ten digits are a millionth of a pixel and less. */
export function yoloLabels({ boxes, width, height }: ExportItem, numbers: ReadonlyMap<string, number>): string {
  const lines = boxes.map((box) => {
    const shares = toYolo(box, { width, height }).map((share) => String(Number(share.toFixed(10))));
    return `${numbers.get(box.label) ?? -1} ${shares.join(' ')}\n`;
  });
  return lines.join('');
}

/** `data.yaml` for the folders of `images` that there are. JSON's strings are YAML's. */
export function yoloDataYaml(classes: readonly string[], folders: readonly string[]): string {
  const parts = folders.map((folder) => `${folder}: images/${folder}`);
  const names = classes.map((name, i) => `  ${i}: ${JSON.stringify(name)}`);
  return ['path: .', ...parts, 'names:', ...names, ''].join('\n');
}
