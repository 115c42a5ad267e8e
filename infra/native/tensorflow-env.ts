/**
 * The environment in which a child that loads TensorFlow is to be started: TensorFlow reads it as it loads, malloc before.
 * oneDNN nearly doubles compiled graphs (off by default without AVX-512); with a fixed number of threads results are bit-identical.
 */
export function tensorFlowEnv({ threads }: { readonly threads: number }): Record<string, string> {
  return {
    TF_ENABLE_ONEDNN_OPTS: '1',
    // The gradient of region crops adds from many threads otherwise; nothing else of graft's asks for it on a CPU.
    TF_DETERMINISTIC_OPS: '1',
    TF_NUM_INTRAOP_THREADS: String(threads),
    TF_NUM_INTEROP_THREADS: String(threads),
    OMP_NUM_THREADS: String(threads),
    TF_CPP_MIN_LOG_LEVEL: '2',
    TF_FORCE_GPU_ALLOW_GROWTH: 'true',
    // Two arenas: glibc's default of 8 a core keeps freed tensors resident.
    MALLOC_ARENA_MAX: '2',
    // Huge pages, and large tensors in the heap: fresh pages for each of them cost a MobileNetV2 step 3 % of its time.
    GLIBC_TUNABLES: 'glibc.malloc.hugetlb=1',
    MALLOC_MMAP_THRESHOLD_: String(2 ** 30),
    MALLOC_TRIM_THRESHOLD_: String(2 ** 32),
  };
}
