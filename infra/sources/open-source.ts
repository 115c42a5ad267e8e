import { createHash } from 'node:crypto';
import { copyFile, mkdir, mkdtemp, rm, stat } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { errnoOf, inputError } from '../../core/errors.ts';
import type { Settings } from '../config.ts';
import type {
  DatasetSource,
  OpenDatasetSource,
  OpenSourceOptions,
  SourceFormat,
  SourceTask,
} from '../ports/dataset-source.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { archiveKindOf } from './archive/unpack.ts';
import { sourceFileProblem } from './faults.ts';
import { folderSource } from './folder-source.ts';
import { sha256OfFile } from '../native/files.ts';
import { importers } from './formats/index.ts';
import type { Importer } from './formats/importer.ts';
import { parseS3Url, s3Source } from './s3-source.ts';
import { headOf } from './text/bytes.ts';
import type { FileTree, TreeFile } from './tree/file-tree.ts';
import { withWindow } from './medical/with-window.ts';
import { localTree, namesOf, tagOf } from './tree/local-tree.ts';
import { outlineOf } from './tree/outline.ts';
import type { Outline } from './tree/outline.ts';
import { storeTree } from './tree/store-tree.ts';
import { tableSource } from './table-source.ts';
import type { TableFormat } from './table-source.ts';
import { UnpackedFolder, unpackInto } from './unpacked.ts';
import { allowedHosts } from './url/address.ts';
import { fetchUrl } from './url/fetch-url.ts';

export interface SourcesSetup {
  /** Answers for its own bucket; null where there is none to ask. */
  readonly store: ObjectStore | null;
  /** For other buckets. */
  readonly storeOf?: (bucket: string) => ObjectStore | null;
  /** Where archives are unpacked. */
  readonly unpackDir: string;
  readonly proxies: Settings['proxies'];
  /** Hosts and networks that may be fetched from although they are not public. */
  readonly urlAllow: readonly string[];
}

/** What the environment decides of it. */
export function sourcesSetup({ stateDir, proxies, urlAllow }: Settings): Omit<SourcesSetup, 'store'> {
  return { unpackDir: join(stateDir, 'unpacked'), proxies, urlAllow };
}

type Format = 'auto' | SourceFormat;

/**
 * Opens a local folder, table or archive, `s3://bucket/prefix` (or an archive there), or an https archive; whatever lies
 * there is told apart by its layout where `format` is auto. Throws DATASET_MISSING, DATASET_FORMAT, DATASET_TASK,
 * DATASET_BUCKET, DATASET_HIERARCHY, ARCHIVE_* and URL_* (input) with what was looked for.
 */
export function openDatasetSource(setup: SourcesSetup): OpenDatasetSource {
  const opener = new Opener(setup);
  const open = (source: string, format: Format, options: OpenSourceOptions): Promise<DatasetSource> => {
    if (/^s3:\/\//i.test(source)) return opener.inStore(source, format, options);
    if (/^[a-z][a-z0-9+.-]+:/i.test(source) && !/^[a-z]:\\/i.test(source)) return opener.url(source, format, options);
    return opener.local(resolve(source), format, options);
  };
  return async (source, format, options = {}) => {
    const opened = await open(source, format, options);
    if (options.hierarchy === 'expand' && opened.format !== 'open-images') {
      const remedy = 'leave dataset.hierarchy out';
      throw inputError('DATASET_HIERARCHY', opened.where, `${opened.format}, which has none`, 'open-images', remedy);
    }
    return withWindow(opened, options.window ?? null);
  };
}

const ARCHIVE_NAME = /\.(?:zip|tar|tar\.gz|tgz)$/i;

class Opener {
  private readonly setup: SourcesSetup;
  private readonly unpacked: UnpackedFolder;

  constructor(setup: SourcesSetup) {
    this.setup = setup;
    this.unpacked = new UnpackedFolder(setup.unpackDir);
  }

  /** Fetched each time it is opened: what lies behind an address may change. Unpacked once for the same bytes. */
  async url(source: string, format: Format, options: OpenSourceOptions): Promise<DatasetSource> {
    const { proxies, urlAllow } = this.setup;
    const path = await this.unpacked.temporaryFile();
    try {
      const more = options.signal === undefined ? {} : { signal: options.signal };
      await fetchUrl(source, path, { allowed: allowedHosts(urlAllow), proxies, ...more });
      const identity = ['content', await sha256OfFile(path, options.signal)];
      if ((await archiveKindOf(path)) === null) {
        throw inputError('DATASET_FORMAT', source, 'no archive, by its first bytes', 'zip, tar or tar.gz');
      }
      const folder = await this.unpacked.archive(path, identity, options.signal);
      return await this.ofArchive(folder, format, options, { where: source, identity });
    } finally {
      await rm(path, { force: true });
    }
  }

  async inStore(source: string, format: Format, options: OpenSourceOptions): Promise<DatasetSource> {
    const { store, storeOf } = this.setup;
    const url = parseS3Url(source);
    if (url === null) throw inputError('DATASET_FORMAT', source, 'no bucket', 's3://bucket/prefix', 'correct it');
    const own = store?.bucket ?? '';
    const owner = url.bucket === own ? store : (storeOf?.(url.bucket) ?? null);
    if (owner === null) {
      const remedy = 'copy the data set into it, or set S3_BUCKET';
      throw inputError('DATASET_BUCKET', source, `another bucket than ${own}`, `s3://${own}/…`, remedy);
    }
    if (ARCHIVE_NAME.test(url.prefix)) return this.archiveInStore(owner, url.prefix, format, options);
    if (/\.(?:csv|jsonl|ndjson)$/i.test(url.prefix)) {
      const remedy = 'name the prefix that has both, or copy them over';
      throw inputError('DATASET_FORMAT', source, 'a table in a store', 'a prefix', remedy);
    }
    const tree = storeTree(owner, url.prefix);
    return this.ofTree(tree, format, options, () => Promise.resolve(s3Source(owner, url.prefix)));
  }

  private async archiveInStore(
    store: ObjectStore,
    key: string,
    format: Format,
    options: OpenSourceOptions,
  ): Promise<DatasetSource> {
    const where = `s3://${store.bucket}/${key}`;
    const more = options.signal === undefined ? {} : { signal: options.signal };
    const found = await store.head(key, more);
    if (found === null) throw inputError('DATASET_MISSING', where, 'no such object', 'an archive', 'check it');
    const identity = ['s3', where, found.etag];
    const folder = await this.unpacked.folder(identity, async (target) => {
      const path = await this.unpacked.temporaryFile();
      try {
        await store.getFile(key, path, more);
        await unpackInto(path, target, options.signal);
      } finally {
        await rm(path, { force: true });
      }
    });
    return this.ofArchive(folder, format, options, { where, identity });
  }

  async local(path: string, format: Format, options: OpenSourceOptions): Promise<DatasetSource> {
    const found = await statOf(path);
    if (found.isDirectory()) {
      if (format === 'csv' || format === 'jsonl') throw wrongKind(path, 'a folder', 'a table');
      return this.ofTree(localTree(path), format, options, () => Promise.resolve(folderSource(path)));
    }
    const kind = found.isFile() && found.size > 0 ? await archiveKindOf(path) : null;
    if (kind !== null) {
      const identity = ['file', path, tagOf(found)];
      const folder = await this.unpacked.archive(path, identity, options.signal);
      return this.ofArchive(folder, format, options, { where: path, identity });
    }
    const table = found.isFile() ? tableFormat(path, format) : null;
    if (table !== null) return withTask(tableSource(path, table), options.task);
    const tree = fileTree(path);
    const named = importers.find((importer) => importer.format === format);
    if (named === undefined && format !== 'auto') throw wrongKind(path, 'a file', 'a folder');
    return this.ofTree(tree, format, options, () => {
      throw wrongKind(path, 'a file', 'a folder, a table or an archive');
    });
  }

  /** The archive's own top folder, if it has one around everything, is stepped into. */
  private async ofArchive(
    folder: string,
    format: Format,
    options: OpenSourceOptions,
    archive: Archive,
  ): Promise<DatasetSource> {
    let root = folder;
    for (let depth = 0; depth < 3; depth++) {
      const [only, ...more] = await namesOf(root);
      if (only?.folder !== true || more.length > 0) break;
      root = join(root, only.raw);
    }
    const asFolder = (): Promise<DatasetSource> => Promise.resolve(archived(folderSource(root), archive));
    return this.ofTree(archivedTree(localTree(root), archive), format, options, asFolder);
  }

  private async ofTree(
    tree: FileTree,
    format: Format,
    { task, hierarchy, signal }: OpenSourceOptions,
    asFolder: () => Promise<DatasetSource>,
  ): Promise<DatasetSource> {
    const outline = await outlineOf(tree, signal);
    const head = (file: TreeFile): Promise<string> => headOf(tree, file);
    const importer = await importerFor(format, outline, head);
    if (importer === undefined && format !== 'auto' && format !== 'folder') {
      throw inputError(
        'DATASET_FORMAT',
        tree.where,
        `nothing that is read as ${format}`,
        undefined,
        'correct the format',
      );
    }
    if (importer === undefined) return withTask(await asFolder(), task);
    const [natural] = importer.tasks;
    if (task !== undefined && !importer.tasks.includes(task))
      throw wrongTask(tree.where, importer.format, natural, task);
    const local = await this.onDisk(importer, tree, outline, signal);
    const expanding = hierarchy === 'expand' ? { hierarchy } : {};
    return importer.open({ ...local, task: task ?? natural, ...expanding });
  }

  /** The tree as the importer needs it: on the disk, and with its tar files unpacked. */
  private async onDisk(importer: Importer, tree: FileTree, outline: Outline, signal: AbortSignal | undefined) {
    const tars = importer.unpacks === true ? outline.others.filter(({ path }) => path.endsWith('.tar')) : [];
    const here = { tree, outline };
    if (tars.length === 0 && (importer.onDisk !== true || tree.onDisk)) return here;
    const wanted = tars.length > 0 ? tars : outline.others;
    const identity = ['tree', tree.where, ...wanted.flatMap(({ path, tag }) => [path, tag])];
    const folder = await this.unpacked.folder(identity, async (target) => {
      for (const file of wanted) await this.place(tree, file, join(target, file.path), tars.length > 0, signal);
    });
    const copied = archivedTree(localTree(folder), { where: tree.where, identity });
    return { tree: copied, outline: await outlineOf(copied, signal) };
  }

  private async place(tree: FileTree, file: TreeFile, to: string, unpack: boolean, signal: AbortSignal | undefined) {
    const scratch = await mkdtemp(join(tmpdir(), 'graft-shard-'));
    try {
      const path = await tree.fetch(file, scratch, signal);
      await mkdir(unpack ? to : dirname(to), { recursive: true });
      if (unpack) await unpackInto(path, to, signal);
      else await copyFile(path, to);
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
  }
}

interface Archive {
  readonly where: string;
  readonly identity: readonly string[];
}

/** Members are the same as long as their archive is, whenever it was unpacked. */
const memberTag = ({ sizeBytes }: { readonly sizeBytes: number }, { identity }: Archive): string =>
  `${sizeBytes} of ${createHash('sha256').update(JSON.stringify(identity)).digest('hex').slice(0, 32)}`;

function archivedTree(tree: FileTree, archive: Archive): FileTree {
  return {
    ...tree,
    where: archive.where,
    async *walk(signal) {
      for await (const file of tree.walk(signal)) yield { ...file, tag: memberTag(file, archive) };
    },
  };
}

function archived(source: DatasetSource, archive: Archive): DatasetSource {
  return {
    ...source,
    where: archive.where,
    async *list(signal) {
      for await (const entry of source.list(signal)) yield { ...entry, tag: memberTag(entry, archive) };
    },
  };
}

/** The importer that was asked for, or the first that knows the layout as its own; class folders need none. */
async function importerFor(
  format: Format,
  outline: Outline,
  head: (file: TreeFile) => Promise<string>,
): Promise<Importer | undefined> {
  for (const importer of importers) {
    const named = format === importer.format && format !== 'folder';
    const asked = format === 'auto' || format === importer.format;
    if (named || (asked && (await importer.detects(outline, head)))) return importer;
  }
  return undefined;
}

/** By what was asked for, else by the file's name; null where it is no table. */
function tableFormat(path: string, format: Format): TableFormat | null {
  if (format === 'csv' || format === 'jsonl') return format;
  if (format !== 'auto') return null;
  const extension = extname(path).toLowerCase();
  if (extension === '.csv') return 'csv';
  return extension === '.jsonl' || extension === '.ndjson' ? 'jsonl' : null;
}

/** One file as a tree of its own. */
function fileTree(path: string): FileTree {
  const folder = localTree(dirname(path));
  return {
    ...folder,
    where: dirname(path),
    async *walk() {
      const found = await statOf(path);
      yield { path: basename(path), sizeBytes: found.size, tag: tagOf(found) };
    },
  };
}

function withTask(source: DatasetSource, task: SourceTask | undefined): DatasetSource {
  if (task === undefined || task === source.task) return source;
  throw wrongTask(source.where, source.format, source.task, task);
}

function wrongTask(where: string, format: SourceFormat, has: SourceTask, wanted: SourceTask) {
  const seen = `${format}, which is read for ${has}`;
  return inputError(
    'DATASET_TASK',
    where,
    seen,
    `annotations for ${wanted}`,
    `write task: ${has}, or name another source`,
  );
}

async function statOf(path: string) {
  try {
    return await stat(path);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT' && errnoOf(error) !== 'ENOTDIR') throw sourceFileProblem(error, path);
    const seen = `no such file or folder on ${hostname()}`;
    const remedy = 'correct dataset.source; a worker on another machine needs the data there, or on s3://';
    throw inputError('DATASET_MISSING', path, seen, 'a folder, a table or an archive', remedy);
  }
}

const wrongKind = (path: string, seen: string, expected: string) =>
  inputError('DATASET_FORMAT', path, seen, expected, 'correct dataset.source or dataset.format');
