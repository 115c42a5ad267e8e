/**
 * The environment in which a child that loads TensorFlow is to be started: TensorFlow reads it as it loads, malloc before.
 * oneDNN nearly doubles compiled graphs on CPUs with AVX-512; with a fixed number of threads results are bit-identical.
 */
export function tensorFlowEnv({ threads }: { readonly threads: number }): Record<string, string> {
  return {
    TF_ENABLE_ONEDNN_OPTS: '1',
    TF_NUM_INTRAOP_THREADS: String(threads),
    TF_NUM_INTEROP_THREADS: String(threads),
    OMP_NUM_THREADS: String(threads),
    TF_CPP_MIN_LOG_LEVEL: '2',
    TF_FORCE_GPU_ALLOW_GROWTH: 'true',
    // Two arenas: glibc's default of 8 a core keeps freed tensors resident.
    MALLOC_ARENA_MAX: '2',
  };
}
