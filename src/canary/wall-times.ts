/** Wall time of instants that a log gives by the monotonic clock, from its `w` lines in their order. */
export class WallTimes {
  readonly #steps: { readonly monoUs: number; readonly offsetUs: number }[] = [];

  noted(monoUs: number, wallUs: number): void {
    this.#steps.push({ monoUs, offsetUs: wallUs - monoUs });
  }

  at(monoUs: number): { readonly monoUs: number; readonly wallUs: number } {
    let low = 0;
    let high = this.#steps.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((this.#steps[middle]?.monoUs ?? 0) <= monoUs) low = middle;
      else high = middle;
    }
    return { monoUs, wallUs: monoUs + (this.#steps[low]?.offsetUs ?? 0) };
  }
}
