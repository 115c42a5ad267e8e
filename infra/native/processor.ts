import { readFileSync } from 'node:fs';
import process from 'node:process';
import type { ProcessorLevel } from '../config.ts';

const LEVELS: readonly (readonly [level: ProcessorLevel, flags: readonly string[]])[] = [
  ['x86-64-v4', ['avx512f', 'avx512bw', 'avx512cd', 'avx512dq', 'avx512vl', 'avx2', 'fma', 'bmi2']],
  ['x86-64-v3', ['avx2', 'fma', 'bmi1', 'bmi2', 'f16c', 'movbe']],
];

/**
 * The level of the x86-64 ABI whose instructions this processor has, none above `newest`, or its architecture; null: none to
 * compile for.
 */
export function processorOf(newest: ProcessorLevel | null): ProcessorLevel | 'arm64' | null {
  if (process.arch === 'arm64') return 'arm64';
  if (process.arch !== 'x64' || process.platform !== 'linux') return null;
  const flags = new Set(/^flags\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1]?.split(' '));
  const allowed = LEVELS.slice(
    Math.max(
      0,
      LEVELS.findIndex(([level]) => level === newest),
    ),
  );
  return allowed.find(([, needed]) => needed.every((flag) => flags.has(flag)))?.[0] ?? null;
}

/** What the compiler is told of a processor. */
export function machineArguments(processor: string): string[] {
  return processor.startsWith('x86') ? [`-march=${processor}`, '-mprefer-vector-width=512'] : [];
}
