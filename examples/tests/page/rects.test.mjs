// Packets of rectangles, put together here with zlib: what is in them, and what happens to those that are broken.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deflateSync } from 'node:zlib';

import { Malformed } from '../../src/bin/kvm-server/page/inflate.js';
import { RectPainter, readRects } from '../../src/bin/kvm-server/page/rects.js';
import { random } from './random.mjs';
import { Surface } from './surface.mjs';

const [WIDTH, HEIGHT] = [64, 48];
const OPAQUE = 0xff000000;

const short = (value) => [value >> 8, value & 255];
const rect = (x, y, width, height, encoding, ...body) => [...short(x), ...short(y), ...short(width), ...short(height), 0, 0, 0, encoding, ...body];
const packet = (...rects) => Uint8Array.from([...short(rects.length), ...rects.flat()]);
const compact = (length) => (length < 128 ? [length] : length < 16384 ? [(length & 127) | 128, length >> 7] : [(length & 127) | 128, ((length >> 7) & 127) | 128, length >> 14]);
/** As an encoder has it that starts the stream anew with each rectangle. */
const zipped = (bytes) => {
  const data = deflateSync(Uint8Array.from(bytes));
  return [...compact(data.length), ...data];
};

function paint(payload, surface = new Surface(WIDTH, HEIGHT)) {
  new RectPainter().paint(readRects(payload, WIDTH, HEIGHT), surface);
  return surface;
}

/** Colours of an area, from a function that gives red, green and blue. */
function colours(width, height, of) {
  const all = [];
  for (let y = 0; y < height; y += 1) for (let x = 0; x < width; x += 1) all.push(of(x, y));
  return all;
}

function expectArea(surface, x, y, width, height, of) {
  colours(width, height, (column, row) => {
    const [red, green, blue] = of(column, row);
    assert.equal(surface.pixels[(y + row) * WIDTH + x + column] >>> 0, (OPAQUE | (blue << 16) | (green << 8) | red) >>> 0, `at ${column},${row}`);
  });
}

const slope = (x, y) => [(x * 5 + y) & 255, (y * 3 + x) & 255, (x * y) & 255];

test('raw, filled and full-colour rectangles, short ones uncompressed', () => {
  const raw = colours(3, 2, slope).flatMap(([red, green, blue]) => [blue, green, red, 99]);
  const full = colours(20, 10, slope).flat();
  const surface = paint(
    packet(rect(1, 2, 3, 2, 0, ...raw), rect(10, 10, 20, 10, 7, 0x01, ...zipped(full)), rect(40, 1, 3, 1, 7, 0x00, ...colours(3, 1, slope).flat()), rect(50, 30, 5, 6, 7, 0x80, 1, 2, 3)),
  );
  expectArea(surface, 1, 2, 3, 2, slope);
  expectArea(surface, 10, 10, 20, 10, slope);
  expectArea(surface, 40, 1, 3, 1, slope);
  expectArea(surface, 50, 30, 5, 6, () => [1, 2, 3]);
  assert.equal(surface.pixels.filter((pixel) => pixel).length, 3 * 2 + 20 * 10 + 3 + 5 * 6);
});

test('palettes of two and of more colours', () => {
  const two = (x, y) => ((x * 7 + y * 3) % 5 < 2 ? [250, 251, 252] : [1, 2, 3]);
  const bits = [];
  for (let y = 0; y < 11; y += 1) {
    const row = Array.from({ length: 21 }, (_, x) => (two(x, y)[0] === 250 ? '1' : '0')).join('').padEnd(24, '0');
    for (let at = 0; at < 24; at += 8) bits.push(parseInt(row.slice(at, at + 8), 2));
  }
  const many = (x, y) => [(x + y) % 9, 7, 8];
  const palette = Array.from({ length: 9 }, (_, index) => [index, 7, 8]).flat();
  const indices = colours(30, 20, (x, y) => (x + y) % 9);
  const surface = paint(packet(rect(0, 0, 21, 11, 7, 0x51, 1, 1, 1, 2, 3, 250, 251, 252, ...zipped(bits)), rect(30, 20, 30, 20, 7, 0x64, 1, 8, ...palette, ...zipped(indices))));
  expectArea(surface, 0, 0, 21, 11, two);
  expectArea(surface, 30, 20, 30, 20, many);
  const beyond = [...indices.slice(0, -1), 9];
  assert.throws(() => paint(packet(rect(30, 20, 30, 20, 7, 0x64, 1, 8, ...palette, ...zipped(beyond)))), Malformed);
});

test('the gradient filter: differences from left + above - left above', () => {
  const dice = random(5);
  const [width, height] = [17, 9];
  const values = colours(width, height, () => [dice(256), dice(256), dice(256)]);
  const at = (x, y, channel) => (x < 0 || y < 0 ? 0 : values[y * width + x][channel]);
  const guess = (x, y, channel) => Math.max(0, Math.min(255, at(x - 1, y, channel) + at(x, y - 1, channel) - at(x - 1, y - 1, channel)));
  const differences = colours(width, height, (x, y) => [0, 1, 2].map((channel) => (at(x, y, channel) - guess(x, y, channel)) & 255)).flat();
  const surface = paint(packet(rect(5, 6, width, height, 7, 0x40, 2, ...zipped(differences))));
  expectArea(surface, 5, 6, width, height, (x, y) => values[y * width + x]);
});

test('copies read what was there, whichever way they overlap', () => {
  const full = colours(30, 20, slope).flat();
  for (const [x, y] of [[10, 10], [12, 11], [8, 9], [10, 14], [3, 10]]) {
    const surface = paint(packet(rect(10, 10, 30, 20, 7, 0x01, ...zipped(full)), rect(x, y, 30, 20, 1, ...short(10), ...short(10))));
    expectArea(surface, x, y, 30, 20, slope);
  }
});

test('packets that do not hold together are refused as a whole', () => {
  const full = colours(20, 10, slope).flat();
  const good = rect(0, 0, 20, 10, 7, 0x01, ...zipped(full));
  const wrong = {
    'nothing at all': new Uint8Array(0),
    'fewer rectangles than told': Uint8Array.from([0, 2, ...good]),
    'more bytes than told': Uint8Array.from([0, 1, ...good, 0]),
    'outside on the right': packet(rect(45, 0, 20, 10, 7, 0x80, 1, 2, 3)),
    'outside below': packet(rect(0, 39, 20, 10, 7, 0x80, 1, 2, 3)),
    'no width': packet(rect(0, 0, 0, 10, 7, 0x80, 1, 2, 3)),
    'a copy from outside': packet(rect(0, 0, 20, 10, 1, ...short(50), ...short(0))),
    'an unknown encoding': packet(rect(0, 0, 20, 10, 5, 0)),
    'an unknown compression': packet(rect(0, 0, 20, 10, 7, 0xa0, 0)),
    'an unknown filter': packet(rect(0, 0, 20, 10, 7, 0x40, 3, ...zipped(full))),
    'a palette of one': packet(rect(0, 0, 20, 10, 7, 0x40, 1, 0, 1, 2, 3, ...zipped(full))),
    'a stream too short': packet(rect(0, 0, 20, 10, 7, 0x01, ...zipped(full.slice(1)))),
    'a stream too long': packet(rect(0, 0, 20, 10, 7, 0x01, ...zipped([...full, 0]))),
  };
  for (const [name, payload] of Object.entries(wrong)) assert.throws(() => paint(payload), Malformed, name);
});

test('a packet that was changed on its way is refused or painted, never anything else', () => {
  const dice = random(9);
  const full = colours(20, 10, slope).flat();
  const good = packet(
    rect(0, 0, 20, 10, 7, 0x01, ...zipped(full)),
    rect(20, 20, 21, 11, 7, 0x51, 1, 1, 1, 2, 3, 250, 251, 252, ...zipped(Array(33).fill(170))),
    rect(2, 2, 20, 10, 1, ...short(9), ...short(9)),
    rect(1, 1, 3, 2, 0, ...Array(24).fill(5)),
  );
  const seen = { refused: 0, painted: 0 };
  for (let round = 0; round < 5000; round += 1) {
    const bytes = good.slice(0, dice(5) ? good.length : dice(good.length));
    for (let times = dice(4); times > 0 && bytes.length; times -= 1) bytes[dice(bytes.length)] = dice(256);
    try {
      const rects = readRects(bytes, WIDTH, HEIGHT);
      for (const one of rects) if (one.kind === 'jpeg' || one.kind === 'film') one.image = { ...one, displayWidth: one.width, displayHeight: one.height, pixels: new Uint32Array(one.width * one.height) };
      new RectPainter().paint(rects, new Surface(WIDTH, HEIGHT));
      seen.painted += 1;
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
      seen.refused += 1;
    }
  }
  assert.ok(seen.refused > 500 && seen.painted > 500, JSON.stringify(seen));
});

test('films have their flags, their length and their size', () => {
  const film = rect(16, 8, 32, 24, 50, 0, 0, 0, 5, 0, 0, 0, 2, 1, 2, 3, 4, 5);
  const [read] = readRects(packet(film), WIDTH, HEIGHT);
  assert.deepEqual({ ...read, data: [...read.data] }, { x: 16, y: 8, width: 32, height: 24, resets: 0, kind: 'film', flags: 2, data: [1, 2, 3, 4, 5] });
  assert.throws(() => readRects(packet(film.slice(0, -1)), WIDTH, HEIGHT), Malformed);
  read.image = { displayWidth: 32, displayHeight: 16 };
  assert.throws(() => new RectPainter().paint([read], new Surface(WIDTH, HEIGHT)), Malformed);
});
