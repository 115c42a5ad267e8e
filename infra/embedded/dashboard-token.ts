import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inputError } from '../../core/errors.ts';
import { makeFolder, writeAtomically } from '../native/files.ts';

export const tokenPath = (stateDir: string): string => join(stateDir, 'dashboard-token');

/** The dashboard's token: random, made once, in a file of mode 0600. STATE_FILE (input) where that holds something else. */
export async function dashboardToken(stateDir: string): Promise<string> {
  const path = tokenPath(stateDir);
  if (!existsSync(path)) {
    await makeFolder(stateDir, 0o700);
    await writeAtomically(path, `${randomBytes(32).toString('base64url')}\n`, 0o600);
  }
  return readToken(path);
}

export function readToken(path: string): string {
  const token = readFileSync(path, 'utf8').trim();
  if (/^[\w-]{43}$/.test(token)) return token;
  throw inputError(
    'STATE_FILE',
    path,
    'no token of graft',
    'what graft wrote',
    'remove this one file: a new one is made',
  );
}

/** What a person opens: the token is traded for a cookie at once. */
export const dashboardUrl = (url: string, token: string): string => `${url}/?token=${token}`;
