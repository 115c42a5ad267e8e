import { RetiredVersion, TagName, VersionTags } from '../../contracts/version-notes.ts';
import { inputError, transientError } from '../../core/errors.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { readJson } from './read-json.ts';
import type { RegisteredModel } from './registry.ts';

const tagsKey = (name: string, version: number): string => `models/${name}/tags/${version}.json`;
export const retiredKey = (name: string, version: number): string => `models/${name}/retired/${version}.json`;
const TRIES = 20;
const TAGS_AT_MOST = 50;

export async function readTags(store: ObjectStore, name: string, version: number): Promise<Record<string, string>> {
  return (await readJson(store, tagsKey(name, version), VersionTags))?.tags ?? {};
}

/** The retired versions of a model, by number. */
export async function readRetired(store: ObjectStore, name: string): Promise<Map<number, RetiredVersion>> {
  const retired = new Map<number, RetiredVersion>();
  for await (const { key } of store.list(`models/${name}/retired/`)) {
    const record = await readJson(store, key, RetiredVersion);
    if (record) retired.set(record.version, record);
  }
  return retired;
}

export interface VersionNotes {
  readonly tags: Record<string, string>;
  readonly retired: boolean;
}

/** What is noted on each version of a model. */
export async function readNotes(
  store: ObjectStore,
  { name, versions }: Pick<RegisteredModel, 'name' | 'versions'>,
): Promise<Map<number, VersionNotes>> {
  const retired = await readRetired(store, name);
  const notes = await Promise.all(
    versions.map(async ({ version }) => {
      const tags = await readTags(store, name, version);
      return [version, { tags, retired: retired.has(version) }] as const;
    }),
  );
  return new Map(notes);
}

/** Sets tags, and removes those that are null. TAG_NAME, TAG_VALUE and TAG_MANY (input). */
export async function changeTags(
  store: ObjectStore,
  name: string,
  version: number,
  changes: Readonly<Record<string, string | null>>,
): Promise<Record<string, string>> {
  for (const [tag, value] of Object.entries(changes)) checkTag(tag, value);
  const key = tagsKey(name, version);
  for (let tries = 0; tries < TRIES; tries++) {
    const found = await store.get(key);
    const before = found && VersionTags.parse(JSON.parse(new TextDecoder().decode(found.body)));
    const tags = { ...before?.tags };
    for (const [tag, value] of Object.entries(changes)) {
      if (value === null) Reflect.deleteProperty(tags, tag);
      else tags[tag] = value;
    }
    if (Object.keys(tags).length > TAGS_AT_MOST) {
      const seen = `${Object.keys(tags).length} tags`;
      throw inputError('TAG_MANY', `${name} version ${version}`, seen, `at most ${TAGS_AT_MOST}`, 'remove some');
    }
    const next: VersionTags = { kind: 'graft.version-tags/1', seq: (before?.seq ?? 0) + 1, tags };
    const body = new TextEncoder().encode(JSON.stringify(next));
    const options = { contentType: 'application/json' };
    const put = found
      ? await store.putIfMatch(key, body, found.etag, options)
      : await store.putIfAbsent(key, body, options);
    if (put.kind === 'written') return tags;
  }
  throw transientError('REGISTRY_RACE', key, `others changed the tags ${TRIES} times`, 'a free moment');
}

function checkTag(tag: string, value: string | null): void {
  if (!TagName.safeParse(tag).success) {
    const expected = 'lower-case letters, digits, . _ - (at most 63)';
    throw inputError('TAG_NAME', tag.slice(0, 80), 'not a tag’s name', expected, 'e.g. stage=canary');
  }
  if (value !== null && value.length > 256) {
    throw inputError('TAG_VALUE', `tag ${tag}`, `${value.length} characters`, 'at most 256', 'shorten it');
  }
}
