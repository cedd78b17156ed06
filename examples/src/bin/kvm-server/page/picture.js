// From binary messages to pixels. A picture is two messages: a header, and then what the decoder of its codec takes.

import { H264Decoder } from './h264.js';
import { JpegDecoder } from './jpeg.js';
import { RectsDecoder } from './deltas.js';

const HEADER_BYTES = 32;
const STARTS_HERE = 1;
const ASK_AGAIN_MS = 1000;
/** The names of the codecs, by their numbers. */
export const CODECS = ['JPEG', 'H.264', 'Rectangles'];
const RECTS = 2;
// A codec with so much trouble within that time does not work here.
const MOST_TROUBLES = 3;
const TROUBLE_MS = 10000;

/** Paints what comes, and keeps the canvas as large as its stage and the pixel grid of the screen allow. */
export class Picture {
  #canvas;
  #stage;
  #hooks;
  #surface = null;
  #decoders;
  #twin;
  /** The header whose payload is the next message. */
  #header = null;
  #painted = 0;
  #scale = 0;
  #askedAt = -Infinity;
  #asking = 0;
  #newest = null;
  #troubles = [];

  /**
   * `twin` is an image or video that is kept in the canvas's place. `hooks`: `painted(header)`, `passed(header)` (it and all
   * before it are done with, painted or not), `keyframe()`, `trouble(words)`, `unable(codec)` (it does not work here).
   */
  constructor(canvas, twin, stage, hooks) {
    this.#canvas = canvas;
    this.#stage = stage;
    this.#hooks = hooks;
    this.#twin = twin;
    const output = {
      paint: (header, how) => this.#paint(header, how),
      keyframe: () => this.#askForStart(),
      trouble: (words) => this.#count(words),
      unable: () => this.#unable(),
    };
    this.#decoders = [new JpegDecoder(output), new H264Decoder(output), new RectsDecoder(output)];
    new ResizeObserver(() => this.#fit()).observe(stage);
    this.#fit();
  }

  get painted() {
    return this.#painted > 0;
  }

  /** CSS pixels per picture pixel. */
  get scale() {
    return this.#scale;
  }

  /** Takes a binary message. */
  take(buffer) {
    const header = this.#header;
    this.#header = header ? null : parseHeader(buffer);
    if (!header) return;
    Object.assign(header, { bytes: buffer.byteLength, arrived: performance.now() });
    this.#newest = header;
    if (header.startsHere) clearTimeout(this.#asking);
    const decoder = this.#decoders[header.codec];
    if (decoder) decoder.decode(header, new Uint8Array(buffer));
    else this.#hooks.passed(header);
  }

  /** What is being decoded belongs to a line that is gone. */
  forget() {
    this.#header = null;
    this.#newest = null;
    clearTimeout(this.#asking);
    this.#askedAt = -Infinity;
    for (const decoder of this.#decoders) decoder.reset();
  }

  /** The size that pictures are going to have, so that the layout is right before the first one. */
  expect(width, height) {
    if ((!this.painted || !this.#twin.hidden) && width > 0 && height > 0) this.#resize(width, height);
  }

  /** A twin shows a picture that was not painted here. */
  shownByTwin(twin, codec, width, height) {
    if (twin !== this.#twin) {
      this.#twin = twin;
      this.#fit();
    }
    this.#resize(width, height);
    this.#mark(codec, '');
  }

  toBlob() {
    if (!this.#twin.hidden) this.#surfaceFor(null).draw(this.#twin, { x: 0, y: 0, width: this.#canvas.width, height: this.#canvas.height });
    return new Promise((done) => this.#canvas.toBlob(done, 'image/png'));
  }

  #paint(header, how) {
    this.#resize(header.width, header.height);
    how(this.#surfaceFor(header.codec));
    this.#mark(CODECS[header.codec], header.sequence);
    this.#hooks.passed(header);
    this.#hooks.painted(header);
  }

  #mark(codec, sequence) {
    this.#painted += 1;
    Object.assign(this.#canvas.dataset, { sequence, painted: this.#painted, codec });
  }

  /** Made for the first codec that comes; the others work on it, too. */
  #surfaceFor(codec) {
    this.#surface ??= new Surface(this.#canvas, codec === RECTS);
    return this.#surface;
  }

  #count(words) {
    const now = performance.now();
    this.#troubles = [...this.#troubles.filter((at) => now - at < TROUBLE_MS), now];
    this.#hooks.trouble(words);
    if (this.#troubles.length >= MOST_TROUBLES) this.#unable();
  }

  #unable() {
    this.#troubles = [];
    if (this.#newest) this.#hooks.unable(CODECS[this.#newest.codec]);
  }

  /** Asks once in a while, however often a decoder would. */
  #askForStart() {
    // The server waits for word of what it has sent before it sends more.
    if (this.#newest) this.#hooks.passed(this.#newest);
    clearTimeout(this.#asking);
    const wait = this.#askedAt + ASK_AGAIN_MS - performance.now();
    this.#asking = setTimeout(() => {
      this.#askedAt = performance.now();
      this.#hooks.keyframe();
    }, Math.max(0, wait));
  }

  #resize(width, height) {
    if (this.#canvas.width === width && this.#canvas.height === height) return;
    this.#canvas.width = width;
    this.#canvas.height = height;
    this.#fit();
  }

  /** Fits the canvas into the stage, edges on device pixels. */
  #fit() {
    const { width, height, style } = this.#canvas;
    const density = devicePixelRatio;
    const room = { width: Math.floor(this.#stage.clientWidth * density), height: Math.floor(this.#stage.clientHeight * density) };
    if (!room.width || !room.height) return;
    let scale = Math.min(room.width / width, room.height / height);
    // Sharp text is worth a thin margin: a scale a hair above a whole one becomes the whole one.
    if (scale >= 1 && scale / Math.floor(scale) < 1.08) scale = Math.floor(scale);
    const shown = { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
    style.width = `${shown.width / density}px`;
    style.height = `${shown.height / density}px`;
    style.left = `${Math.floor((room.width - shown.width) / 2) / density}px`;
    style.top = `${Math.floor((room.height - shown.height) / 2) / density}px`;
    style.imageRendering = Number.isInteger(scale) ? 'pixelated' : 'auto';
    for (const name of ['width', 'height', 'left', 'top', 'imageRendering']) this.#twin.style[name] = style[name];
    this.#scale = scale / density;
  }
}

/** The canvas as what rectangles are painted on. */
class Surface {
  #context;

  /** `inMemory` keeps it where programs write, and not with the graphics processor. */
  constructor(canvas, inMemory) {
    this.#context = canvas.getContext('2d', { alpha: false, willReadFrequently: inMemory });
  }

  put(pixels, { x, y, width, height }) {
    this.#context.putImageData(new ImageData(new Uint8ClampedArray(pixels.buffer), width, height), x, y);
  }

  fill(colour, { x, y, width, height }) {
    this.#context.fillStyle = `rgb(${colour & 255} ${(colour >> 8) & 255} ${(colour >> 16) & 255})`;
    this.#context.fillRect(x, y, width, height);
  }

  /** Drawing a canvas onto itself would copy all of it first: 5 ms at 1920 × 1080, where 200 × 64 cost 0.04 ms so. */
  copy(fromX, fromY, { x, y, width, height }) {
    this.#context.putImageData(this.#context.getImageData(fromX, fromY, width, height), x, y);
  }

  draw(image, { x, y, width, height }) {
    this.#context.drawImage(image, x, y, width, height);
  }
}

/** The header of a picture, or null when the message is none. */
function parseHeader(buffer) {
  if (buffer.byteLength !== HEADER_BYTES) return null;
  const view = new DataView(buffer);
  if (view.getUint8(0) !== 1) return null;
  return {
    codec: view.getUint8(1),
    startsHere: (view.getUint8(2) & STARTS_HERE) !== 0,
    width: view.getUint16(4, true),
    height: view.getUint16(6, true),
    sequence: Number(view.getBigUint64(8, true)),
    captured: Number(view.getBigUint64(16, true)),
    sent: Number(view.getBigUint64(24, true)),
  };
}
