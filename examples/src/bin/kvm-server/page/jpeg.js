// JPEG pictures, each by itself. The newest wins: one that arrives while another is being decoded waits alone, and
// is replaced by the next one.

/** Decodes a JPEG into something that can be drawn. */
export function decodeJpeg(data) {
  return createImageBitmap(new Blob([data], { type: 'image/jpeg' }));
}

/** One picture in hand, at most one waiting. */
export class JpegDecoder {
  #output;
  #busy = false;
  #waiting = null;
  #generation = 0;

  constructor(output) {
    this.#output = output;
  }

  reset() {
    this.#waiting = null;
    this.#generation += 1;
  }

  decode(header, data) {
    this.#waiting = { header, data };
    if (!this.#busy) this.#run();
  }

  async #run() {
    this.#busy = true;
    while (this.#waiting) {
      const { header, data } = this.#waiting;
      const generation = this.#generation;
      this.#waiting = null;
      try {
        const image = await decodeJpeg(data);
        if (generation === this.#generation) {
          const { width, height } = header;
          this.#output.paint(header, (surface) => surface.draw(image, { x: 0, y: 0, width, height }));
        }
        image.close();
      } catch (error) {
        this.#output.trouble(`A picture could not be decoded: ${error.message}`);
      }
    }
    this.#busy = false;
  }
}
