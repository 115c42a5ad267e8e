import type { DeviceRequest, Settings } from '../config.ts';
import { packageFolder } from './addon.ts';
import { findOnPath, pathVariable, runTool } from './tools.ts';

/** What the machine offers, as far as it matters to the choice. */
export interface MachineFacts {
  /** `NVIDIA H200, 143771 MiB`, or null: as nvidia-smi says. */
  readonly gpu: string | null;
  readonly hasGpuPackage: boolean;
}

export type DeviceChoice =
  | { readonly kind: 'native'; readonly variant: 'cpu' | 'gpu'; readonly why: string }
  | { readonly kind: 'js'; readonly why: string };

/** Which TensorFlow to load, and why, in words for a person. Pure. */
export function chooseDevice(requested: DeviceRequest, facts: MachineFacts): DeviceChoice {
  switch (requested) {
    case 'js':
      return { kind: 'js', why: 'GRAFT_DEVICE=js' };
    case 'cpu':
      return { kind: 'native', variant: 'cpu', why: 'GRAFT_DEVICE=cpu' };
    case 'gpu':
      return { kind: 'native', variant: 'gpu', why: 'GRAFT_DEVICE=gpu' };
    case 'auto':
      if (facts.gpu === null) return { kind: 'native', variant: 'cpu', why: 'nvidia-smi shows no NVIDIA GPU' };
      if (!facts.hasGpuPackage) {
        return {
          kind: 'native',
          variant: 'cpu',
          why: `${facts.gpu} is there, but not the package @tensorflow/tfjs-node-gpu`,
        };
      }
      return { kind: 'native', variant: 'gpu', why: `${facts.gpu} is there` };
  }
}

export async function lookAtMachine(settings: Pick<Settings, 'searchPath'>): Promise<MachineFacts> {
  return { gpu: await findGpu(settings), hasGpuPackage: packageFolder('@tensorflow/tfjs-node-gpu') !== null };
}

async function findGpu(settings: Pick<Settings, 'searchPath'>): Promise<string | null> {
  const tool = await findOnPath('nvidia-smi', settings);
  if (tool === null) return null;
  const answer = await runTool(tool, ['--query-gpu=name,memory.total', '--format=csv,noheader'], {
    env: { PATH: pathVariable(settings) },
    timeoutMs: 10_000,
  });
  const first = answer.stdout.split('\n')[0]?.trim() ?? '';
  return answer.exitCode === 0 && first !== '' ? first : null;
}
