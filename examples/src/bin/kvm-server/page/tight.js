// Rectangles in the Tight encoding of the RFB protocol, in pixels of 32 bits and depth 24, whose compact form is red,
// green, blue. A rectangle is read first, which shows where the next one begins, and painted later.

import { Inflate, Malformed } from './inflate.js';

// What is shorter than this is not compressed.
const COMPRESSED_FROM = 12;
const FILL = 8;
const JPEG = 9;
const COPY = 0;
const PALETTE = 1;
const GRADIENT = 2;
const OPAQUE = 0xff000000;

/** Reads the body of a rectangle: `fill`, `jpeg` or `basic`. */
export function readTight(bytes, width, height) {
  const control = bytes.byte();
  const resets = control & 15;
  const kind = control >> 4;
  if (kind === FILL) return { resets, kind: 'fill', colour: colour(bytes) };
  if (kind === JPEG) return { resets, kind: 'jpeg', data: bytes.take(compactLength(bytes)) };
  if (kind > FILL) throw new Malformed(`Tight compression ${kind} is not known`);
  const stream = kind & 3;
  const filter = kind & 4 ? bytes.byte() : COPY;
  const palette = filter === PALETTE ? readPalette(bytes) : null;
  if (filter > GRADIENT) throw new Malformed(`Tight filter ${filter} is not known`);
  const row = palette ? (palette.length === 2 ? (width + 7) >> 3 : width) : width * 3;
  const size = row * height;
  const isCompressed = size >= COMPRESSED_FROM;
  const data = bytes.take(isCompressed ? compactLength(bytes) : size);
  return { resets, kind: 'basic', stream, filter, palette, size, isCompressed, data };
}

/** The four streams of a connection. */
export class TightStreams {
  #streams = Array.from({ length: 4 }, () => new Inflate());

  /** The next rectangle starts those streams anew whose bits are set. */
  reset(bits) {
    this.#streams.forEach((stream, index) => (bits >> index) & 1 && stream.reset());
  }

  /** The pixels of a rectangle of basic compression, as 32-bit RGBA with red in the lowest byte. */
  pixels({ stream, filter, palette, size, isCompressed, data }, width, height) {
    const bytes = isCompressed ? this.#streams[stream].inflate(data, size) : data;
    const pixels = new Uint32Array(width * height);
    if (palette?.length === 2) paintTwo(pixels, bytes, palette, width);
    else if (palette) paintIndices(pixels, bytes, palette);
    else if (filter === GRADIENT) paintGradient(pixels, bytes, width);
    else paintColours(pixels, bytes);
    return pixels;
  }
}

/** A number of one to three bytes, seven bits in each of the first two. */
function compactLength(bytes) {
  let value = 0;
  for (let shift = 0; shift < 21; shift += 7) {
    const byte = bytes.byte();
    if (shift === 14) return value | (byte << 14);
    value |= (byte & 127) << shift;
    if (byte < 128) break;
  }
  return value;
}

function colour(bytes) {
  const [red, green, blue] = bytes.take(3);
  return (OPAQUE | (blue << 16) | (green << 8) | red) >>> 0;
}

function readPalette(bytes) {
  const length = bytes.byte() + 1;
  if (length < 2) throw new Malformed('a palette of one colour');
  return Uint32Array.from({ length }, () => colour(bytes));
}

function paintTwo(pixels, bytes, palette, width) {
  const row = (width + 7) >> 3;
  for (let to = 0, from = 0; to < pixels.length; from += row) {
    for (let x = 0; x < width; x += 1, to += 1) pixels[to] = palette[(bytes[from + (x >> 3)] >> (7 - (x & 7))) & 1];
  }
}

function paintIndices(pixels, bytes, palette) {
  const all = new Uint32Array(256);
  all.set(palette);
  let most = 0;
  for (let at = 0; at < pixels.length; at += 1) {
    const index = bytes[at];
    if (index > most) most = index;
    pixels[at] = all[index];
  }
  if (most >= palette.length) throw new Malformed(`colour ${most} of a palette of ${palette.length}`);
}

function paintColours(pixels, bytes) {
  for (let to = 0, from = 0; to < pixels.length; to += 1, from += 3) {
    pixels[to] = OPAQUE | (bytes[from + 2] << 16) | (bytes[from + 1] << 8) | bytes[from];
  }
}

/** Each component is told as its difference from left + above - left above, kept within 0 and 255. */
function paintGradient(pixels, bytes, width) {
  const values = new Uint8Array(pixels.length * 3);
  const row = width * 3;
  const at = (index, is) => (is ? values[index] : 0);
  for (let index = 0; index < values.length; index += 1) {
    const hasLeft = index % row >= 3;
    const hasAbove = index >= row;
    const guess = at(index - 3, hasLeft) + at(index - row, hasAbove) - at(index - row - 3, hasLeft && hasAbove);
    values[index] = bytes[index] + Math.min(255, Math.max(0, guess));
  }
  paintColours(pixels, values);
}
