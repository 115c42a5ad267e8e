import { createHash } from 'node:crypto';
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatasetManifest } from '../../contracts/manifests.ts';
import type { BlobRef, DatasetItem, IngestOutput, QuarantinedItem } from '../../contracts/manifests.ts';
import { inputError } from '../../core/errors.ts';
import { identityLine } from '../../core/dataset/items.ts';
import { sortedClasses } from '../../core/dataset/order.ts';
import { asDatasetVersion, asSha256 } from '../../core/ids.ts';
import type { ObjectStore } from '../../infra/ports/object-store.ts';
import { uploadFile } from '../lib/blobs.ts';
import { sha256OfFile } from '../lib/hash.ts';
import { readDatasetManifest } from '../lib/dataset-items.ts';

const ITEMS_PER_PARTITION = 5000;
const BUFFERED_LINES = 500;
const EXAMPLES = 3;

/** Collects a data set's items into partitions on the local disk, and publishes them with the manifest last. */
export class CatalogWriter {
  private readonly dir: string;
  private readonly identity = createHash('sha256');
  private readonly perClass = new Map<string, number>();
  private readonly partitions: { path: string; items: number }[] = [];
  private readonly examples: QuarantinedItem[] = [];
  private lines: string[] = [];
  private quarantineLines: string[] = [];
  private images = 0;
  private quarantinedCount = 0;
  private sizeBytes = 0;

  constructor(dir: string) {
    this.dir = dir;
  }

  get done(): number {
    return this.images + this.quarantinedCount;
  }

  async add(item: DatasetItem): Promise<void> {
    this.identity.update(identityLine(item));
    this.perClass.set(item.label, (this.perClass.get(item.label) ?? 0) + 1);
    this.images++;
    this.sizeBytes += item.sizeBytes;
    this.lines.push(JSON.stringify(item));
    const last = this.partitions.at(-1);
    const open = (last?.items ?? 0) + this.lines.length;
    if (this.lines.length >= BUFFERED_LINES || open >= ITEMS_PER_PARTITION) await this.flush();
  }

  async quarantine(item: QuarantinedItem): Promise<void> {
    this.quarantinedCount++;
    if (this.examples.length < EXAMPLES) this.examples.push(item);
    this.quarantineLines.push(`${JSON.stringify(item)}\n`);
    if (this.quarantineLines.length >= BUFFERED_LINES) await this.flushQuarantine();
  }

  async close(): Promise<void> {
    await this.flush();
    await this.flushQuarantine();
  }

  /** DATASET_EMPTY, DATASET_QUARANTINE or DATASET_CLASSES where what was found can't be trained on. */
  check(where: string, maxQuarantined: number): void {
    const shown = this.examples.map(({ path, code, reason }) => `${path}: ${code}, ${reason}`).join('; ');
    const bad = this.quarantinedCount;
    if (this.done === 0) {
      throw inputError(
        'DATASET_EMPTY',
        where,
        'no pictures',
        'folders of pictures, one a class',
        'check dataset.source',
      );
    }
    if (bad / this.done > maxQuarantined || this.images === 0) {
      const seen = `${bad} of ${this.done} files can’t be used (${shown}${bad > EXAMPLES ? '; …' : ''})`;
      const limit = `at most ${100 * maxQuarantined} % (dataset.maxQuarantined)`;
      throw inputError(
        'DATASET_QUARANTINE',
        where,
        seen,
        limit,
        'mend or remove them, or raise dataset.maxQuarantined',
      );
    }
    if (this.perClass.size < 2) {
      const seen = `one class only: ${[...this.perClass.keys()].join()}`;
      throw inputError(
        'DATASET_CLASSES',
        where,
        seen,
        'two classes or more',
        'add a folder of pictures of another class',
      );
    }
  }

  /** Uploads the partitions, then the manifest. Whoever ingested the same items before has written the same version. */
  async publish(
    store: ObjectStore,
    { name, format }: { readonly name: string; readonly format: 'folder' | 'csv' },
    signal: AbortSignal,
  ): Promise<{ output: IngestOutput; parts: BlobRef[] }> {
    const version = asDatasetVersion(asSha256(this.identity.digest('hex')));
    const folder = `datasets/${name}/${version}`;
    const partitions: DatasetManifest['partitions'] = [];
    for (const [index, { path, items }] of this.partitions.entries()) {
      const key = `${folder}/items-${String(index).padStart(6, '0')}.jsonl`;
      partitions.push({ ...(await uploadFile(store, key, path, { signal })), items });
    }
    const manifest: DatasetManifest = {
      kind: 'graft.dataset/1',
      name,
      version,
      format,
      classes: sortedClasses(this.perClass.keys()),
      images: this.images,
      sizeBytes: this.sizeBytes,
      perClass: Object.fromEntries(this.perClass),
      partitions,
    };
    const manifestKey = `${folder}/manifest.json`;
    const body = new TextEncoder().encode(JSON.stringify(DatasetManifest.parse(manifest)));
    await store.putIfAbsent(manifestKey, body, { contentType: 'application/json', signal });
    const stored = await readDatasetManifest(store, manifestKey);
    const quarantine = await this.uploadQuarantine(store, signal);
    const { classes, images } = stored;
    const output = {
      dataset: name,
      version,
      manifestKey,
      classes,
      images,
      quarantined: this.quarantinedCount,
      quarantine,
    };
    const parts = stored.partitions.map(({ items, ...part }) => part);
    return { output, parts: quarantine ? [...parts, quarantine] : parts };
  }

  private async uploadQuarantine(store: ObjectStore, signal: AbortSignal): Promise<BlobRef | null> {
    if (this.quarantinedCount === 0) return null;
    const path = this.quarantinePath;
    const sha256 = await sha256OfFile(path);
    return uploadFile(store, `stages/ingest/quarantine/${sha256}.jsonl`, path, { sha256, signal });
  }

  private get quarantinePath(): string {
    return join(this.dir, 'quarantine.jsonl');
  }

  private async flush(): Promise<void> {
    if (this.lines.length === 0) return;
    let last = this.partitions.at(-1);
    if (!last || last.items >= ITEMS_PER_PARTITION) {
      last = { path: join(this.dir, `items-${this.partitions.length}.jsonl`), items: 0 };
      this.partitions.push(last);
    }
    await appendFile(last.path, this.lines.map((line) => `${line}\n`).join(''));
    last.items += this.lines.length;
    this.lines = [];
  }

  private async flushQuarantine(): Promise<void> {
    await appendFile(this.quarantinePath, this.quarantineLines.join(''));
    this.quarantineLines = [];
  }
}
