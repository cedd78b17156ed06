// Packets of rectangles, as the RFB protocol has them in an update: RFC 6143, section 7.6.1 from the number of the
// rectangles on. Copies within the picture, pixels without loss, JPEG for photos, and H.264 for films;
// and exact planes, which the protocol does not know.

import { Bytes } from './bytes.js';
import { Malformed } from './inflate.js';
import { planePixels, readPlanes } from './planes.js';
import { TightStreams, readTight } from './tight.js';

const RAW = 0;
const COPY_RECT = 1;
const TIGHT = 7;
const OPEN_H264 = 50;
// "KVMP": none of the registered ones.
const PLANES = 0x4b564d50;

/** Reads a packet into its rectangles; nothing is painted, and nothing of a packet that does not hold together is given. */
export function readRects(payload, width, height) {
  const bytes = new Bytes(payload);
  const rects = [];
  for (let left = bytes.short(); left > 0; left -= 1) rects.push(readRect(bytes, width, height));
  if (bytes.left) throw new Malformed(`${bytes.left} bytes stand behind the last rectangle`);
  return rects;
}

/** Reads one rectangle with its header. */
export function readRect(bytes, pictureWidth, pictureHeight) {
  const [x, y, width, height] = [bytes.short(), bytes.short(), bytes.short(), bytes.short()];
  const encoding = bytes.signed();
  const isInside = (left, top) => left + width <= pictureWidth && top + height <= pictureHeight;
  if (!width || !height || !isInside(x, y)) throw new Malformed('a rectangle is not inside the picture');
  const place = { x, y, width, height };
  switch (encoding) {
    case COPY_RECT: {
      const [fromX, fromY] = [bytes.short(), bytes.short()];
      if (!isInside(fromX, fromY)) throw new Malformed('a copy is not from inside the picture');
      return { ...place, resets: 0, kind: 'copy', fromX, fromY };
    }
    case RAW:
      return { ...place, resets: 0, kind: 'raw', data: bytes.take(width * height * 4) };
    case TIGHT:
      return { ...place, ...readTight(bytes, width, height) };
    case OPEN_H264: {
      const [length, flags] = [bytes.signed() >>> 0, bytes.signed()];
      return { ...place, resets: 0, kind: 'film', flags, data: bytes.take(length) };
    }
    case PLANES:
      return { ...place, ...readPlanes(bytes, place, pictureWidth * pictureHeight) };
    default:
      throw new Malformed(`encoding ${encoding} is not known`);
  }
}

/**
 * Paints rectangles onto a surface, which has `put(pixels, place)` for 32-bit RGBA with red in the lowest byte,
 * `fill(colour, place)`, `copy(fromX, fromY, place)`, and `draw(image, place)` for what JPEG and H.264 gave.
 */
export class RectPainter {
  #streams = new TightStreams();

  /** Paints them all in their order. Every `jpeg` and `film` has its `image` by then. */
  paint(rects, surface) {
    for (const rect of rects) {
      this.#streams.reset(rect.resets);
      this.#paintOne(rect, surface);
    }
  }

  #paintOne(rect, surface) {
    const { width, height } = rect;
    switch (rect.kind) {
      case 'copy':
        return surface.copy(rect.fromX, rect.fromY, rect);
      case 'fill':
        return surface.fill(rect.colour, rect);
      case 'jpeg':
        if (rect.image.width !== width || rect.image.height !== height) throw new Malformed('a JPEG of another size than its rectangle');
        return surface.draw(rect.image, rect);
      case 'film':
        if (rect.image.displayWidth !== width || rect.image.displayHeight !== height) throw new Malformed('a film of another size than its rectangle');
        return surface.draw(rect.image, rect);
      case 'planes':
        for (const { part, pixels } of planePixels(rect)) surface.put(pixels, part);
        return undefined;
      case 'raw':
        return surface.put(fromRaw(rect.data, width * height), rect);
      default:
        return surface.put(this.#streams.pixels(rect, width, height), rect);
    }
  }
}

/** Blue, green, red and a byte without meaning. */
function fromRaw(data, length) {
  const pixels = new Uint32Array(length);
  for (let to = 0, from = 0; to < length; to += 1, from += 4) {
    pixels[to] = 0xff000000 | (data[from] << 16) | (data[from + 1] << 8) | data[from + 2];
  }
  return pixels;
}
