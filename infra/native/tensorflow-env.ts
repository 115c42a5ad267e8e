import type { ProcessorLevel } from '../config.ts';

/**
 * The environment in which a child that loads TensorFlow is to be started: TensorFlow reads it as it loads, malloc before.
 * oneDNN nearly doubles compiled graphs (off by default without AVX-512); with a fixed number of threads results are bit-identical.
 */
export function tensorFlowEnv({ threads, parts = 1 }: Parallelism): Record<string, string> {
  return {
    TF_ENABLE_ONEDNN_OPTS: '1',
    // The gradient of region crops adds from many threads otherwise; nothing else of graft's asks for it on a CPU.
    TF_DETERMINISTIC_OPS: '1',
    ...threadsEnv({ threads, parts }),
    TF_CPP_MIN_LOG_LEVEL: '2',
    TF_FORCE_GPU_ALLOW_GROWTH: 'true',
    // Few arenas: glibc's default of 8 a core keeps freed tensors resident. Parts of a batch that free what another one made
    // take a quarter longer with two than with one.
    MALLOC_ARENA_MAX: parts > 1 ? '1' : '2',
    // Huge pages, and large tensors in the heap: fresh pages for each of them cost a MobileNetV2 step 3 % of its time.
    GLIBC_TUNABLES: 'glibc.malloc.hugetlb=1',
    MALLOC_MMAP_THRESHOLD_: String(2 ** 30),
    MALLOC_TRIM_THRESHOLD_: String(2 ** 32),
  };
}

/** How TensorFlow spreads its work: over the threads within an operation, or one operation a thread for parts of a batch. */
export interface Parallelism {
  readonly threads: number;
  /** In how many parts a batch goes through the graph (ml/engine/split-batch.ts); 1 by default. */
  readonly parts?: number;
}

/** What keeps oneDNN to the instructions of this level; it reads it as it first computes. */
export function processorEnv(newest: ProcessorLevel | null): Record<string, string> {
  return newest === 'x86-64-v3' ? { ONEDNN_MAX_CPU_ISA: 'AVX2' } : {};
}

/** TensorFlow reads these as it loads. */
export function threadsEnv({ threads, parts = 1 }: Parallelism): Record<string, string> {
  const within = String(parts > 1 ? 1 : threads);
  return { TF_NUM_INTRAOP_THREADS: within, OMP_NUM_THREADS: within, TF_NUM_INTEROP_THREADS: String(threads) };
}
