/** The part of WebAssembly's JavaScript interface that resampler.ts uses; TypeScript has it only together with the DOM. */
declare namespace WebAssembly {
  class Memory {
    constructor(size: { readonly initial: number });
    /** Another one after every `grow`. */
    readonly buffer: ArrayBuffer;
    grow(pages: number): number;
  }
  interface Module {
    readonly [Symbol.toStringTag]: string;
  }
  const Module: new (bytes: Uint8Array<ArrayBuffer>) => Module;
  class Instance {
    constructor(module: Module, imports: { readonly env: { readonly memory: Memory } });
    readonly exports: Readonly<Record<string, ((...parameters: readonly number[]) => void) | undefined>>;
  }
}
