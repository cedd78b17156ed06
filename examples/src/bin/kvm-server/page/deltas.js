// Pictures of rectangles, each of which changes the one before: all are painted, in their order, each at once.
//
// A packet that cannot be painted leaves a picture that nobody knows. What follows is left out until the server,
// which is asked to, sends one that painting can start at.

import { FilmContexts } from './contexts.js';
import { decodeJpeg } from './jpeg.js';
import { RectPainter, readRects } from './rects.js';

export class RectsDecoder {
  #output;
  #painter = new RectPainter();
  #films = new FilmContexts();
  /** Packets that wait for their JPEGs and films, or for the packets before them. */
  #queue = [];
  #waitsForStart = true;
  #size = '';

  constructor(output) {
    this.#output = output;
  }

  reset() {
    for (const { rects } of this.#queue) close(rects);
    this.#queue = [];
    this.#painter = new RectPainter();
    this.#films.reset();
    this.#waitsForStart = true;
  }

  decode(header, data) {
    const size = `${header.width}x${header.height}`;
    if (header.startsHere) this.#waitsForStart = false;
    else if (this.#waitsForStart || size !== this.#size) return this.#askForStart();
    this.#size = size;
    const packet = { header, rects: [], failure: null, ready: true };
    try {
      packet.rects = readRects(data, header.width, header.height);
    } catch (failure) {
      packet.failure = failure;
    }
    const images = packet.rects.filter(({ kind }) => kind === 'jpeg' || kind === 'film');
    if (images.length) this.#decodeImages(packet, images);
    this.#queue.push(packet);
    this.#paintReady();
  }

  async #decodeImages(packet, images) {
    packet.ready = false;
    const load = async (rect) => {
      rect.image = await (rect.kind === 'film' ? this.#films.decode(rect) : decodeJpeg(rect.data));
    };
    const outcomes = await Promise.allSettled(images.map(load));
    packet.failure = outcomes.find(({ status }) => status === 'rejected')?.reason ?? null;
    packet.ready = true;
    if (this.#queue.includes(packet)) this.#paintReady();
    else close(packet.rects);
  }

  #paintReady() {
    while (this.#queue[0]?.ready) {
      const { header, rects, failure } = this.#queue.shift();
      try {
        if (failure) throw failure;
        this.#output.paint(header, (surface) => this.#painter.paint(rects, surface));
      } catch (error) {
        this.#output.trouble(`A part of the picture could not be painted: ${error.message}`);
        this.reset();
        this.#askForStart();
      }
      close(rects);
    }
  }

  #askForStart() {
    this.#waitsForStart = true;
    this.#output.keyframe();
  }
}

function close(rects) {
  for (const { image } of rects) image?.close();
}
