// Films in rectangles of the encoding Open H.264: each place of a film is a context, whose pictures build on each other.

import { codecOf } from './h264.js';
import { Malformed } from './inflate.js';

const RESET = 1;
const RESET_ALL = 2;

/** A decoder of WebCodecs for each place where a film plays. */
export class FilmContexts {
  #contexts = new Map();

  /** Takes the rectangles in their order; gives a promise of the picture, which has to be closed. */
  decode({ x, y, width, height, flags, data }) {
    if (flags & RESET_ALL) this.reset();
    const place = [x, y, width, height].join();
    if (flags & RESET) this.#end(place);
    let context = this.#contexts.get(place);
    if (!context) {
      context = new FilmContext(codecOf(data));
      this.#contexts.set(place, context);
    }
    return context.decode(data);
  }

  reset() {
    for (const place of [...this.#contexts.keys()]) this.#end(place);
  }

  /** Pictures that are under way still come. */
  #end(place) {
    this.#contexts.get(place)?.end();
    this.#contexts.delete(place);
  }
}

class FilmContext {
  #decoder;
  #waiting = new Map();
  #count = 0;

  constructor(codec) {
    if (!codec) throw new Malformed('a film begins without a parameter set');
    if (typeof VideoDecoder === 'undefined') throw new Error('this browser has no decoder of films here');
    this.#decoder = new VideoDecoder({
      output: (frame) => this.#settle(frame.timestamp, ({ resolve }) => resolve(frame)) || frame.close(),
      error: (error) => {
        for (const number of [...this.#waiting.keys()]) this.#settle(number, ({ reject }) => reject(error));
      },
    });
    this.#decoder.configure({ codec, optimizeForLatency: true });
  }

  decode(data) {
    const timestamp = this.#count;
    const type = timestamp ? 'delta' : 'key';
    this.#count += 1;
    return new Promise((resolve, reject) => {
      this.#waiting.set(timestamp, { resolve, reject });
      this.#decoder.decode(new EncodedVideoChunk({ type, timestamp, data }));
    });
  }

  end() {
    if (this.#decoder.state === 'closed') return;
    this.#decoder.flush().then(() => this.#decoder.close(), () => {});
  }

  #settle(number, how) {
    const waiting = this.#waiting.get(number);
    this.#waiting.delete(number);
    if (waiting) how(waiting);
    return Boolean(waiting);
  }
}
