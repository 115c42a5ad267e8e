export type ProvisionItem = 'tensorflow' | 'temporal' | 's3';

/** One sign of life from provisioning; `totalBytes` is absent where it is not known. */
export interface ProvisionEvent {
  readonly item: ProvisionItem;
  /** A verb phrase: `download`, `verify`, `unpack`, `compile`, `build`, `wait for another process`, `debug` … */
  readonly step: string;
  readonly doneBytes?: number;
  readonly totalBytes?: number;
  /** Why a source was passed over, and the like; for people. */
  readonly note?: string;
}

export type OnProvision = (event: ProvisionEvent) => void;
