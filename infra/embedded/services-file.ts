import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { errnoOf, inputError, messageOf } from '../../core/errors.ts';

/** What `graft up` serves, written under the state folder; ports stay the same from one start to the next. */
export const ServicesFile = z.strictObject({
  version: z.literal(1),
  temporal: z.strictObject({ address: z.string(), namespace: z.string() }).nullable(),
  s3: z
    .strictObject({
      endpoint: z.string(),
      bucket: z.string(),
      region: z.string(),
      /** Which server wrote the data folder: the two keep objects in different forms. */
      kind: z.enum(['versitygw', 'minio']),
    })
    .nullable(),
  /** Absent in what graft wrote before it had a dashboard. */
  web: z.strictObject({ url: z.string() }).nullable().optional(),
});
export type ServicesFile = z.infer<typeof ServicesFile>;

/** The embedded store's own credentials: random, made once, in a file of mode 0600. */
export const CredentialsFile = z.strictObject({ accessKey: z.string().min(8), secretKey: z.string().min(16) });
export type CredentialsFile = z.infer<typeof CredentialsFile>;

export const servicesPath = (stateDir: string): string => join(stateDir, 'services.json');
export const credentialsPath = (stateDir: string): string => join(stateDir, 'credentials.json');

/** Null when `graft up` has never run here. Throws STATE_FILE when the file is not what graft writes. */
export function readServicesFile(stateDir: string): ServicesFile | null {
  return readStateFile(servicesPath(stateDir), ServicesFile);
}

/** Null when `graft up` has never run here. Throws STATE_FILE when the file is not what graft writes. */
export function readCredentialsFile(stateDir: string): CredentialsFile | null {
  return readStateFile(credentialsPath(stateDir), CredentialsFile);
}

/** Null when the file is absent. Throws STATE_FILE (input) on anything that does not fit the schema. */
export function readStateFile<T>(path: string, schema: z.ZodType<T>): T | null {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return null;
    throw inputError('STATE_FILE', path, messageOf(error), 'a readable file', 'check its owner and mode');
  }
  const parsed = schema.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  const where = parsed.error.issues[0]?.path.join('.') ?? '';
  throw inputError(
    'STATE_FILE',
    path,
    where === '' ? 'not the JSON that graft writes' : `${where} is not what graft writes`,
    'a file written by graft up',
    'run graft down, remove this one file, run graft up',
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
