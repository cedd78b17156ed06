// Numbers in a message, the highest byte first.

import { Malformed } from './inflate.js';

/** Bytes that are read from the front. */
export class Bytes {
  #all;
  #at = 0;

  constructor(all) {
    this.#all = all;
  }

  get left() {
    return this.#all.length - this.#at;
  }

  take(length) {
    if (length > this.left) throw new Malformed('a packet is cut short');
    this.#at += length;
    return this.#all.subarray(this.#at - length, this.#at);
  }

  byte() {
    return this.take(1)[0];
  }

  short() {
    const [high, low] = this.take(2);
    return high * 256 + low;
  }

  signed() {
    return (this.short() << 16) | this.short();
  }
}
