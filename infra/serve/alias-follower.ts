import type { ModelVersion } from '../../contracts/registry.ts';
import { messageOf } from '../../core/errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { ObjectStore } from '../ports/object-store.ts';

/** What the follower needs of a loaded version. */
export interface Followed {
  readonly version: ModelVersion;
  readonly isLive: boolean;
  close(): Promise<void>;
}

export interface AliasFollowerOptions<Model extends Followed> {
  readonly store: Pick<ObjectStore, 'head'>;
  readonly clock: Clock;
  /** The object whose ETag changes when the alias moves; null for a version that never changes. */
  readonly pointerKey: string | null;
  /** The version that is to be served now. */
  readonly resolve: () => Promise<ModelVersion>;
  readonly load: (version: ModelVersion) => Promise<Model>;
  readonly onSwitch: (to: ModelVersion, from: ModelVersion | null) => void;
  /** The version that is served stays. */
  readonly onFailure: (message: string) => void;
}

/** After a version could not be loaded: loading takes the processor from those who are served. */
const RETRY_MS = 30_000;

/**
 * Holds the version that an alias points to. A new one is loaded and warmed beside the old one, then takes its place;
 * the old one goes when its last answer is given. Where loading fails the old one stays.
 */
export class AliasFollower<Model extends Followed> {
  private readonly options: AliasFollowerOptions<Model>;
  private model: Model | null = null;
  private etag: string | null = null;
  /** The pointer whose version could not be loaded, and when it may be tried again. */
  private failed: { readonly etag: string | null; readonly untilMs: number } | null = null;
  private readonly leaving = new Set<Promise<void>>();
  private looking: Promise<void> = Promise.resolve();

  constructor(options: AliasFollowerOptions<Model>) {
    this.options = options;
  }

  /** The version that answers now; null where none does. */
  get current(): Model | null {
    return this.model?.isLive === true ? this.model : null;
  }

  /** Loads the first version. Throws where that fails. */
  async start(): Promise<void> {
    this.etag = await this.pointer();
    await this.switchTo(await this.options.resolve());
  }

  /** Looks at the alias every `everyMs` until `signal`. */
  async follow(everyMs: number, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.options.clock.sleep(everyMs, signal).catch(() => undefined);
      if (!signal.aborted) await this.look();
    }
  }

  /** Looks once; after another look that is under way. Never throws. */
  look(): Promise<void> {
    this.looking = this.looking.then(() => this.lookNow());
    return this.looking;
  }

  async close(): Promise<void> {
    await this.looking;
    await Promise.all([this.model?.close(), ...this.leaving]);
  }

  private async lookNow(): Promise<void> {
    const { clock, resolve, onFailure } = this.options;
    let etag: string | null = this.etag;
    try {
      etag = await this.pointer();
      if (etag === this.etag && this.current !== null) return;
      // The same pointer is tried again later, a moved one at once.
      if (this.failed?.etag === etag && clock.nowMs() < this.failed.untilMs) return;
      const version = await resolve();
      if (this.current?.version.version !== version.version) await this.switchTo(version);
      this.etag = etag;
      this.failed = null;
    } catch (error) {
      this.failed = { etag, untilMs: clock.nowMs() + RETRY_MS };
      onFailure(messageOf(error));
    }
  }

  private async pointer(): Promise<string | null> {
    const { pointerKey, store } = this.options;
    return pointerKey === null ? null : ((await store.head(pointerKey))?.etag ?? null);
  }

  private async switchTo(version: ModelVersion): Promise<void> {
    const before = this.model;
    this.model = await this.options.load(version);
    this.options.onSwitch(version, before?.version ?? null);
    if (before === null) return;
    const gone = before.close().finally(() => this.leaving.delete(gone));
    this.leaving.add(gone);
  }
}
