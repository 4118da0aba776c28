/** Exact reads over a stream of chunks. Throws `UnexpectedEnd` where the stream ends too early. */
export class UnexpectedEnd extends Error {}

export class ByteQueue {
  readonly #iterator: AsyncIterator<Uint8Array>;
  #chunks: Buffer[] = [];
  #buffered = 0;

  constructor(input: AsyncIterable<Uint8Array>) {
    this.#iterator = input[Symbol.asyncIterator]();
  }

  async take(length: number): Promise<Buffer> {
    const bytes = await this.upTo(length);
    if (bytes.length < length) throw new UnexpectedEnd("ends in the middle");
    return bytes;
  }

  /** Fewer bytes than asked for only at the end of the stream. */
  async upTo(length: number): Promise<Buffer> {
    while (this.#buffered < length) if (!(await this.#pull())) break;
    return this.#shift(Math.min(length, this.#buffered));
  }

  /** The next bytes as they come, at least one and at most `maxBytes`; empty at the end of the stream. */
  async some(maxBytes: number): Promise<Buffer> {
    while (this.#buffered === 0) if (!(await this.#pull())) break;
    return this.#shift(Math.min(maxBytes, this.#chunks[0]?.length ?? 0));
  }

  async #pull(): Promise<boolean> {
    const next = await this.#iterator.next();
    if (next.done === true) return false;
    const { value } = next;
    if (value.byteLength === 0) return true;
    this.#chunks.push(Buffer.from(value.buffer, value.byteOffset, value.byteLength));
    this.#buffered += value.byteLength;
    return true;
  }

  #shift(length: number): Buffer {
    const [first] = this.#chunks;
    if (first === undefined || length === 0) return Buffer.alloc(0);
    this.#buffered -= length;
    if (first.length > length) {
      this.#chunks[0] = first.subarray(length);
      return first.subarray(0, length);
    }
    if (first.length === length) {
      this.#chunks.shift();
      return first;
    }
    const all = Buffer.concat(this.#chunks);
    this.#chunks = all.length > length ? [all.subarray(length)] : [];
    return all.subarray(0, length);
  }
}
