// Pictures that the browser shows by itself, `/stream.mjpeg` in an image over the canvas: for browsers that the
// decoders of this page do not work in. What is known of each picture elsewhere, its age above all, is not known here.

const AGAIN_MS = 1000;

export class Film {
  #image;
  #hooks;
  #turn = 0;
  #retry = 0;

  /** `hooks`: `shown(width, height)`. */
  constructor(image, hooks) {
    this.#image = image;
    this.#hooks = hooks;
    image.addEventListener('load', () => this.#hooks.shown(image.naturalWidth, image.naturalHeight));
    image.addEventListener('error', () => this.#again());
  }

  get running() {
    return !this.#image.hidden;
  }

  /** Starts, or starts anew: an image whose stream has ended shows its last picture for ever. */
  start() {
    clearTimeout(this.#retry);
    this.#turn += 1;
    this.#image.hidden = false;
    this.#image.src = `/stream.mjpeg?headers=early&turn=${this.#turn}`;
  }

  #again() {
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.start(), AGAIN_MS);
  }
}
