import type { OnProvision, ProvisionEvent, ProvisionItem } from '../../infra/native/progress.ts';
import type { Output, ProgressBar } from '../output.ts';

const titles: Readonly<Record<ProvisionItem, string>> = {
  tensorflow: 'TensorFlow',
  temporal: 'Temporal server',
  s3: 'object store',
};

/** Shows provisioning: a bar for what is downloaded or unpacked, a line for every other step. */
export function provisionView(output: Output): { readonly onProgress: OnProvision; readonly stop: () => void } {
  let bar: { item: ProvisionItem; step: string; bar: ProgressBar } | null = null;
  const lastStep = new Map<ProvisionItem, string>();
  const stop = (): void => {
    bar?.bar.stop();
    bar = null;
  };
  const onProgress = (event: ProvisionEvent): void => {
    const { item, step, doneBytes, totalBytes } = event;
    const line = lineOf(event);
    if (lastStep.get(item) !== line) {
      lastStep.set(item, line);
      // Only one bar fits on a terminal's last line: it goes to whoever starts next.
      stop();
      output.say(line);
      if (doneBytes !== undefined) bar = { item, step, bar: output.progress(`${titles[item]}: ${step}`, 'bytes') };
    } else if (bar === null && doneBytes !== undefined && totalBytes !== undefined) {
      bar = { item, step, bar: output.progress(`${titles[item]}: ${step}`, 'bytes') };
    }
    if (bar?.item === item && doneBytes !== undefined) bar.bar.update(doneBytes, totalBytes ?? null);
    if (bar?.item === item && doneBytes === totalBytes && totalBytes !== undefined) stop();
  };
  return { onProgress, stop };
}

function lineOf({ item, step, note }: ProvisionEvent): string {
  return `${titles[item]}: ${step}${note === undefined ? '' : ` (${note})`}`;
}
