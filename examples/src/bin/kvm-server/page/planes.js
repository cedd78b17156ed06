// Rectangles of exact planes, an encoding of kvm-stream's own, described in kvm-stream/src/rects/plane_coder.rs: luma and
// colour differences as the source has them, each number told as what its neighbours do not foretell.

import { Bytes } from './bytes.js';
import { Malformed } from './inflate.js';

const TABLES = 8;
const CONTEXTS = 4;
const MOST_BITS = 12;
// In the first context of a plane, symbols up to this one are runs, and it is added to all others.
const LITERALS = 16;
const MOST_SYMBOLS = 256 + LITERALS;
const OPAQUE = 0xff000000;

/** Reads the body of a rectangle: where its parts are, which are inside it, and what is decoded later. */
export function readPlanes(bytes, around, pictureArea) {
  const body = new Bytes(bytes.take(bytes.signed() >>> 0));
  const kind = body.byte();
  const shifts = body.byte();
  if (kind > 1 || shifts > 3) throw new Malformed('planes of a kind that is not known');
  const map = kind ? Int32Array.from({ length: 12 }, () => body.signed()) : null;
  const parts = Array.from({ length: body.short() }, () => ({ x: body.short(), y: body.short(), width: body.short(), height: body.short() }));
  let area = 0;
  for (const { x, y, width, height } of parts) {
    const isInside = x >= around.x && y >= around.y && x + width <= around.x + around.width && y + height <= around.y + around.height;
    if (!width || !height || !isInside) throw new Malformed('a part is not inside its rectangle');
    area += width * height;
  }
  // So that a few bytes cannot ask for endless work.
  if (area > pictureArea) throw new Malformed('the parts are more than the picture');
  return { resets: 0, kind: 'planes', map, shiftX: shifts & 1, shiftY: shifts >> 1, parts, data: body.take(body.left) };
}

/** Gives each part and its pixels, as 32-bit RGBA with red in the lowest byte. */
export function* planePixels({ map, shiftX, shiftY, parts, data }) {
  const bits = new Bits(data);
  const tables = Array.from({ length: TABLES }, () => readTable(bits));
  for (const part of parts) {
    const [width, height] = [(part.width + shiftX) >> shiftX, (part.height + shiftY) >> shiftY];
    const first = readPlane(bits, tables, 0, part.width, part.height);
    const second = readPlane(bits, tables, CONTEXTS, width, height);
    const third = readPlane(bits, tables, CONTEXTS, width, height);
    const pixels = new Uint32Array(part.width * part.height);
    const spread = { width: part.width, half: width, shiftX, shiftY };
    if (map) paintMapped(pixels, first, second, third, spread, map);
    else paintAboveGreen(pixels, first, second, third);
    yield { part, pixels };
  }
  bits.expectEnd();
}

/**
 * Bits, the highest of a byte first. Behind the last one there are zeros, which `expectEnd` finds to be too many. What
 * reads many takes the fields into variables of its own, which is several times as fast.
 */
class Bits {
  at = 0;
  waiting = 0;
  count = 0;

  constructor(bytes) {
    this.bytes = bytes;
  }

  /** The next bits, at most 16. */
  take(count) {
    while (this.count < count) {
      this.waiting = ((this.waiting & 0xffff) << 8) | (this.bytes[this.at] ?? 0);
      this.at += 1;
      this.count += 8;
    }
    this.count -= count;
    return (this.waiting >>> this.count) & ((1 << count) - 1);
  }

  /** The last byte is filled up with zeros, and none is missing or left over. */
  expectEnd() {
    const used = this.at * 8 - this.count;
    if ((used + 7) >> 3 !== this.bytes.length || this.take(this.count & 7)) throw new Malformed('the bits of planes do not end where they should');
  }
}

/** Lengths of codes, as a table from 12 bits to symbol × 16 + length. What is no code has length 0. */
function readTable(bits) {
  const count = bits.take(9);
  if (count > MOST_SYMBOLS) throw new Malformed('more codes than there are symbols');
  const lengths = new Uint8Array(count);
  for (let at = 0; at < count; at += 1) {
    lengths[at] = bits.take(4);
    if (lengths[at] > MOST_BITS) throw new Malformed('a code is too long');
    if (!lengths[at]) at += bits.take(4);
    if (at >= count) throw new Malformed('more zeros than there are codes');
  }
  const table = new Uint16Array(1 << MOST_BITS);
  let place = 0;
  for (let length = 1; length <= MOST_BITS; length += 1) {
    const step = 1 << (MOST_BITS - length);
    for (let symbol = 0; symbol < count; symbol += 1) {
      if (lengths[symbol] !== length) continue;
      if (place + step > table.length) throw new Malformed('more codes than there is space for');
      table.fill((symbol << 4) | length, place, place + step);
      place += step;
    }
  }
  return table;
}

/** A plane's numbers, by the tables from `first` on. */
function readPlane(bits, tables, first, width, height) {
  const values = new Uint8Array(width * height);
  // How far what was foretold was off, in the row above, and, up to where we are, in this one.
  const off = new Uint8Array(width);
  const [exact, near, far, farthest] = tables.slice(first, first + CONTEXTS);
  const { bytes } = bits;
  let { at, waiting, count } = bits;
  let run = 0;
  for (let row = 0, place = 0; row < height; row += 1) {
    let left = row ? values[place - width] : 128;
    let corner = left;
    let offLeft = 0;
    for (let column = 0; column < width; column += 1, place += 1) {
      const above = row ? values[place - width] : 128;
      let rest = 0;
      if (run) {
        run -= 1;
      } else {
        const sum = offLeft + off[column];
        const table = sum < 1 ? exact : sum < 4 ? near : sum < 12 ? far : farthest;
        while (count < MOST_BITS) {
          waiting = ((waiting & 0xffff) << 8) | (at < bytes.length ? bytes[at] : 0);
          at += 1;
          count += 8;
        }
        const entry = table[(waiting >>> (count - MOST_BITS)) & ((1 << MOST_BITS) - 1)];
        if (!entry) throw new Malformed('bits that are no code');
        count -= entry & 15;
        const symbol = entry >> 4;
        if (sum > 0 || symbol > LITERALS) {
          const folded = sum > 0 ? symbol : symbol - LITERALS;
          rest = (folded >> 1) ^ -(folded & 1);
        } else {
          bits.at = at;
          bits.waiting = waiting;
          bits.count = count;
          run = (1 << symbol) + bits.take(symbol) - 1;
          at = bits.at;
          waiting = bits.waiting;
          count = bits.count;
        }
      }
      const slope = left + above - corner;
      const low = left < above ? left : above;
      const high = left < above ? above : left;
      left = ((slope < low ? low : slope > high ? high : slope) + rest) & 255;
      values[place] = left;
      corner = above;
      offLeft = rest < 0 ? -rest : rest;
      off[column] = offLeft;
    }
  }
  if (run) throw new Malformed('a run beyond its plane');
  bits.at = at;
  bits.waiting = waiting;
  bits.count = count;
  return values;
}

/** Luma, Cb and Cr by factors and offsets, in whole numbers times 65,536. */
function paintMapped(pixels, luma, cb, cr, { width, half, shiftX, shiftY }, map) {
  const [redY, redCb, redCr, greenY, greenCb, greenCr, blueY, blueCb, blueCr, redOffset, greenOffset, blueOffset] = map;
  for (let at = 0, row = 0; at < pixels.length; row += 1) {
    const start = (row >> shiftY) * half;
    for (let column = 0; column < width; column += 1, at += 1) {
      const shared = start + (column >> shiftX);
      const y = luma[at];
      const u = cb[shared];
      const v = cr[shared];
      const red = within((redY * y + redCb * u + redCr * v + redOffset) >> 16);
      const green = within((greenY * y + greenCb * u + greenCr * v + greenOffset) >> 16);
      const blue = within((blueY * y + blueCb * u + blueCr * v + blueOffset) >> 16);
      pixels[at] = OPAQUE | (blue << 16) | (green << 8) | red;
    }
  }
}

function paintAboveGreen(pixels, green, blue, red) {
  for (let at = 0; at < pixels.length; at += 1) {
    const base = green[at];
    pixels[at] = OPAQUE | (((blue[at] + base) & 255) << 16) | (base << 8) | ((red[at] + base) & 255);
  }
}

function within(value) {
  return value < 0 ? 0 : value > 255 ? 255 : value;
}
