import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { asPicture, readDigits } from './digits.ts';

/** Real digits as a data set of class folders: of each the first `perDigit`. Returns the folder. */
export async function writeDigitFolders(dir: string, perDigit: number): Promise<string> {
  const root = join(dir, 'images');
  for (const digit of await readDigits(0, perDigit)) {
    const folder = join(root, String(digit.label));
    await mkdir(folder, { recursive: true });
    await asPicture(digit)
      .png()
      .toFile(join(folder, `${digit.index}.png`));
  }
  return root;
}
