type Numbers = Int32Array | Uint8Array | Float64Array;

/** Numbers by place, in a typed array that doubles when it is full; what was never set is 0. */
export class Growing<T extends Numbers> {
  private readonly kind: new (length: number) => T;
  private values: T;

  constructor(kind: new (length: number) => T) {
    this.kind = kind;
    this.values = new kind(1024);
  }

  at(place: number): number {
    return this.values[place] ?? 0;
  }

  set(place: number, value: number): void {
    if (place >= this.values.length) {
      const larger = new this.kind(Math.max(2 * this.values.length, place + 1));
      larger.set(this.values);
      this.values = larger;
    }
    this.values[place] = value;
  }
}
