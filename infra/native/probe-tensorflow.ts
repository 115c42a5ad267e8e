import process from 'node:process';
import { z } from 'zod';
import { failedError } from '../../core/errors.ts';
import { programOf } from '../../programs/start.ts';
import type { Settings } from '../config.ts';
import type { LoadedTensorFlow } from './load-tensorflow.ts';
import { tensorFlowEnv } from './tensorflow-env.ts';
import { lastWords, runTool } from './tools.ts';

const Loaded: z.ZodType<LoadedTensorFlow> = z.object({
  backend: z.enum(['tensorflow', 'tensorflow-gpu', 'cpu-js']),
  tensorflowVersion: z.string(),
  device: z.enum(['cpu', 'gpu']),
  why: z.string(),
  threads: z.number(),
  dir: z.string().nullable(),
  kernels: z.string().nullable(),
  parts: z.number(),
});

const Failed = z.object({ failed: z.string() });

/**
 * What this machine would compute with, found out by loading it in a child process and multiplying two matrices.
 * Nothing is fetched. Throws TENSORFLOW_LOAD (failed) with the child's last words.
 */
export async function probeTensorFlow(settings: Settings): Promise<LoadedTensorFlow> {
  const { path, execArgv } = programOf('probe-process');
  const answer = await runTool(process.execPath, [...execArgv, path], {
    // Everything the libraries have to say is kept, in case it is why they fail.
    env: { ...tensorFlowEnv(settings), TF_CPP_MIN_LOG_LEVEL: '0' },
    timeoutMs: 120_000,
  });
  const said = answer.exitCode === 0 ? jsonOf(answer.stdout) : undefined;
  const loaded = Loaded.safeParse(said);
  if (loaded.success) return loaded.data;
  const failed = Failed.safeParse(said);
  const seen = failed.success ? failed.data.failed : lastWords(answer, 6);
  throw failedError('TENSORFLOW_LOAD', 'in a trial process', seen);
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
