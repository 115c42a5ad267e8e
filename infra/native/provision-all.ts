import { settings as currentSettings } from '../config.ts';
import type { Settings } from '../config.ts';
import { provideS3Server, provideTemporal } from './binaries.ts';
import type { FoundBinary, S3Binary } from './binaries.ts';
import { chooseDevice, lookAtMachine } from './devices.ts';
import { findKernels } from './kernels.ts';
import type { OwnAddon } from './own-addon.ts';
import type { OnProvision, ProvisionItem } from './progress.ts';
import { provisionTensorFlow } from './provision-tensorflow.ts';
import { findResampler } from './resampler.ts';
import type { TensorFlowInstall } from './tensorflow-cache.ts';

export interface ProvisionAllOptions {
  readonly settings?: Settings;
  readonly onProgress?: OnProvision;
  readonly signal?: AbortSignal;
  /** Reads every byte of what is cached, and mends it. */
  readonly verify?: boolean;
  /** All by default. */
  readonly items?: readonly ProvisionItem[];
}

/** What was got, or why not; null where it was not asked for or is not needed (GRAFT_DEVICE=js). */
type Outcome<T> =
  { readonly kind: 'ready'; readonly value: T } | { readonly kind: 'failed'; readonly error: unknown } | null;

export interface ProvisionReport {
  readonly tensorflow: Outcome<TensorFlowInstall>;
  readonly temporal: Outcome<FoundBinary>;
  readonly s3: Outcome<S3Binary>;
}

/**
 * Brings everything graft needs beyond npm onto this machine, all at once: the downloads and the builds overlap.
 * Never rejects for what could not be had: the report says so, item by item.
 */
export async function provisionEverything(options: ProvisionAllOptions = {}): Promise<ProvisionReport> {
  const known = { ...options, settings: options.settings ?? currentSettings() };
  const wanted = (item: ProvisionItem): boolean => options.items?.includes(item) ?? true;
  const [tensorflow, temporal, s3] = await Promise.all([
    wanted('tensorflow') ? outcomeOf(() => provisionChosen(known)) : null,
    wanted('temporal') ? outcomeOf(() => provideTemporal(known)) : null,
    wanted('s3') ? outcomeOf(() => provideS3Server(known)) : null,
  ]);
  return { tensorflow, temporal, s3 };
}

async function provisionChosen(
  options: ProvisionAllOptions & { readonly settings: Settings },
): Promise<TensorFlowInstall | null> {
  // As the kernels below: here rather than before the first picture.
  tell(options, 'resampler', await findResampler(options.settings, true));
  const choice = chooseDevice(options.settings.device, await lookAtMachine(options.settings));
  if (choice.kind === 'js') return null;
  const install = await provisionTensorFlow({ ...options, variant: choice.variant });
  // Here rather than in the first training.
  const { settings } = options;
  if (choice.variant === 'cpu' && settings.kernels !== 'tensorflow') {
    tell(options, 'kernels', await findKernels(install, settings, true));
  }
  return install;
}

/** What an addon of graft's own that can't be had costs: time alone, so it is not a failure. */
function tell({ onProgress }: ProvisionAllOptions, name: string, found: OwnAddon): void {
  if (found.kind === 'ready') return;
  const { why, mend } = found;
  const note = mend === null ? why : `${why}; ${mend}`;
  onProgress?.({ item: 'tensorflow', step: `go without graft’s own ${name}`, note });
}

async function outcomeOf<T>(work: () => Promise<T | null>): Promise<Outcome<T>> {
  try {
    const value = await work();
    return value === null ? null : { kind: 'ready', value };
  } catch (error) {
    return { kind: 'failed', error };
  }
}
