// What a canvas is to the painter, in memory.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';

/** A picture as 32-bit RGBA, red in the lowest byte. */
export class Surface {
  constructor(width, height) {
    this.width = width;
    this.height = height;
    this.pixels = new Uint32Array(width * height);
  }

  put(pixels, { x, y, width, height }) {
    assert.equal(pixels.length, width * height);
    for (let row = 0; row < height; row += 1) this.pixels.set(pixels.subarray(row * width, (row + 1) * width), (y + row) * this.width + x);
  }

  fill(colour, place) {
    this.put(new Uint32Array(place.width * place.height).fill(colour), place);
  }

  copy(fromX, fromY, place) {
    const { width, height } = place;
    const pixels = new Uint32Array(width * height);
    for (let row = 0; row < height; row += 1) {
      const start = (fromY + row) * this.width + fromX;
      pixels.set(this.pixels.subarray(start, start + width), row * width);
    }
    this.put(pixels, place);
  }

  draw({ pixels }, place) {
    this.put(pixels, place);
  }
}

/** Decodes a JPEG by libjpeg's program. */
export function djpeg(data) {
  const { status, stdout, stderr, error } = spawnSync('djpeg', ['-pnm'], { input: data, maxBuffer: 1 << 28 });
  if (error) throw error;
  assert.equal(status, 0, stderr.toString());
  const [header, kind, width, height] = /^P([56])\s+(\d+)\s+(\d+)\s+255\s/.exec(stdout.subarray(0, 40).toString('latin1'));
  const size = Number(width) * Number(height);
  const channel = kind === '6' ? (index, which) => stdout[header.length + index * 3 + which] : (index) => stdout[header.length + index];
  const pixels = Uint32Array.from({ length: size }, (_, index) => 0xff000000 | (channel(index, 2) << 16) | (channel(index, 1) << 8) | channel(index, 0));
  return { width: Number(width), height: Number(height), pixels };
}
