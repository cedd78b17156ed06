// Rectangles of exact planes, put together here by an encoder that makes the same codes for all.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Malformed } from '../../src/bin/kvm-server/page/inflate.js';
import { RectPainter, readRects } from '../../src/bin/kvm-server/page/rects.js';
import { random } from './random.mjs';
import { Surface } from './surface.mjs';

const [WIDTH, HEIGHT] = [64, 48];
const OPAQUE = 0xff000000;
const SYMBOLS = 272;
/** Video range of BT.601 to red, green and blue, times 65,536. */
const MAP = [76309, 0, 104597, 76309, -25675, -53279, 76309, 132201, 0, -14575977, 8901614, -18112273];

const short = (value) => [(value >> 8) & 255, value & 255];
const word = (value) => [...short(value >>> 16), ...short(value & 0xffff)];

class BitString {
  bits = [];

  put(value, count) {
    for (let bit = count - 1; bit >= 0; bit -= 1) this.bits.push((value >> bit) & 1);
  }

  bytes() {
    const padded = [...this.bits, ...Array((8 - (this.bits.length % 8)) % 8).fill(0)];
    return Array.from({ length: padded.length / 8 }, (_, at) => parseInt(padded.slice(at * 8, at * 8 + 8).join(''), 2));
  }
}

/** 240 symbols of eight bits and 32 of nine fill the space. */
const lengthOf = (symbol) => (symbol < 240 ? 8 : 9);
const codeOf = (symbol) => (symbol < 240 ? symbol : 480 + symbol - 240);

function putTables(bits) {
  for (let table = 0; table < 8; table += 1) {
    bits.put(SYMBOLS, 9);
    for (let symbol = 0; symbol < SYMBOLS; symbol += 1) bits.put(lengthOf(symbol), 4);
  }
}

/** A plane's bits, by the description of the encoding. */
function putPlane(bits, values, width) {
  const rests = [];
  const median = (...three) => three.sort((one, other) => one - other)[1];
  const numbers = values.map((value, at) => {
    const [x, y] = [at % width, Math.floor(at / width)];
    const above = y ? values[at - width] : 128;
    const left = x ? values[at - 1] : above;
    const corner = !y ? 128 : x ? values[at - width - 1] : above;
    const rest = ((value - median(left, above, left + above - corner) + 384) & 255) - 128;
    rests.push(rest);
    const sum = (x ? Math.abs(rests[at - 1]) : 0) + (y ? Math.abs(rests[at - width]) : 0);
    return { rest, context: [1, 4, 12].filter((from) => sum >= from).length };
  });
  for (let at = 0; at < numbers.length; at += 1) {
    const { rest, context } = numbers[at];
    const folded = rest < 0 ? -rest * 2 - 1 : rest * 2;
    let symbol = context ? folded : folded + 16;
    let [more, run] = [0, 1];
    if (!context && !rest) {
      while (at + run < numbers.length && !numbers[at + run].rest) run += 1;
      symbol = Math.floor(Math.log2(run));
      more = symbol;
      at += run - 1;
    }
    bits.put(codeOf(symbol), lengthOf(symbol));
    bits.put(run - (1 << more), more);
  }
}

/** A rectangle of parts, each with its three planes, of which `half` says how much smaller the others are. */
function planes(parts, { map = null, shiftX = 0, shiftY = 0, around = [0, 0, WIDTH, HEIGHT], tail = [] } = {}) {
  const bits = new BitString();
  putTables(bits);
  for (const { width, first, second, third } of parts) {
    putPlane(bits, first, width);
    for (const plane of [second, third]) putPlane(bits, plane, (width + shiftX) >> shiftX);
  }
  const places = parts.flatMap(({ x, y, width, height }) => [x, y, width, height].flatMap(short));
  const body = [map ? 1 : 0, shiftX | (shiftY << 1), ...(map ?? []).flatMap(word), ...short(parts.length), ...places, ...bits.bytes(), ...tail];
  return [...around.flatMap(short), ...word(0x4b564d50), ...word(body.length), ...body];
}

const packet = (...rects) => Uint8Array.from([...short(rects.length), ...rects.flat()]);

function paint(payload) {
  const surface = new Surface(WIDTH, HEIGHT);
  new RectPainter().paint(readRects(payload, WIDTH, HEIGHT), surface);
  return surface;
}

function part(x, y, width, height, shiftX, shiftY, of) {
  const [half, rows] = [(width + shiftX) >> shiftX, (height + shiftY) >> shiftY];
  const plane = (columns, lines, which) => Array.from({ length: columns * lines }, (_, at) => of(at % columns, Math.floor(at / columns), which));
  return { x, y, width, height, first: plane(width, height, 0), second: plane(half, rows, 1), third: plane(half, rows, 2) };
}

/** Areas, slopes and noise beside each other. */
function contents() {
  const dice = random(3);
  return {
    area: () => 77,
    slope: (x, y, which) => (x * 3 + y * 2 + which * 40) & 255,
    noise: () => dice(256),
    drawn: (x, y) => ((x * 7 + y * 5) % 11 < 2 ? 20 : 235),
    mixed: (x, y) => (x < 9 ? 16 : dice(30) ? 120 + (x >> 2) : dice(256)),
  };
}

test('luma and colour differences become the colours that the map makes, however they are shared', () => {
  for (const [name, of] of Object.entries(contents())) {
    for (const [shiftX, shiftY] of [[0, 0], [1, 0], [1, 1]]) {
      const parts = [part(2, 4, 31, 17, shiftX, shiftY, of), part(40, 20, 24, 28, shiftX, shiftY, of), part(0, 47, 1, 1, shiftX, shiftY, of)];
      const surface = paint(packet(planes(parts, { map: MAP, shiftX, shiftY })));
      for (const { x, y, width, height, first, second, third } of parts) {
        const half = (width + shiftX) >> shiftX;
        for (let at = 0; at < width * height; at += 1) {
          const [column, row] = [at % width, Math.floor(at / width)];
          const shared = (row >> shiftY) * half + (column >> shiftX);
          const three = [first[at], second[shared], third[shared]];
          const colour = [0, 1, 2].map((which) => {
            const sum = three.reduce((all, value, index) => all + value * MAP[which * 3 + index], MAP[9 + which]);
            return Math.max(0, Math.min(255, Math.floor(sum / 65536)));
          });
          const expected = (OPAQUE | (colour[2] << 16) | (colour[1] << 8) | colour[0]) >>> 0;
          assert.equal(surface.pixels[(y + row) * WIDTH + x + column] >>> 0, expected, `${name} ${shiftX}${shiftY} at ${column},${row}`);
        }
      }
    }
  }
});

test('blue and red above green', () => {
  const dice = random(4);
  const one = part(5, 3, 20, 10, 0, 0, () => dice(256));
  const surface = paint(packet(planes([one])));
  for (let at = 0; at < 200; at += 1) {
    const [green, blue, red] = [one.first[at], one.second[at] + one.first[at], one.third[at] + one.first[at]];
    const expected = (OPAQUE | ((blue & 255) << 16) | (green << 8) | (red & 255)) >>> 0;
    assert.equal(surface.pixels[(3 + Math.floor(at / 20)) * WIDTH + 5 + (at % 20)] >>> 0, expected);
  }
});

test('planes that do not hold together are refused', () => {
  const { slope } = contents();
  const good = part(2, 4, 20, 10, 1, 0, slope);
  const shared = { map: MAP, shiftX: 1 };
  const whole = planes([good], shared);
  const changed = (at, value) => packet(whole.map((byte, index) => (index === at ? value : byte)));
  paint(packet(whole));
  const wrong = {
    'cut short': packet(whole.slice(0, -1)),
    'a longer body than told': packet(planes([good], { ...shared, tail: [0] })),
    'a kind that is not known': changed(16, 2),
    'shifts that are none': changed(17, 4),
    'a part outside of its rectangle': packet(planes([good], { ...shared, around: [4, 4, 20, 10] })),
    'a part without width': packet(planes([{ ...good, width: 0, first: [], second: [], third: [] }], shared)),
    'more than the picture': packet(planes(Array(17).fill(good), shared)),
    'fewer symbols than the planes have': packet(planes([{ ...good, third: good.third.slice(0, 50) }], shared)),
    'a run beyond its plane': packet(planes([{ ...good, third: Array(120).fill(128) }], shared)),
  };
  for (const [name, payload] of Object.entries(wrong)) assert.throws(() => paint(payload), Malformed, name);
});

test('planes that were changed on their way are refused or painted, never anything else', () => {
  const dice = random(11);
  const { mixed } = contents();
  const good = packet(planes([part(2, 4, 31, 17, 1, 1, mixed), part(40, 20, 24, 28, 1, 1, mixed)], { map: MAP, shiftX: 1, shiftY: 1 }));
  const seen = { refused: 0, painted: 0 };
  for (let round = 0; round < 3000; round += 1) {
    const bytes = good.slice(0, dice(5) ? good.length : dice(good.length));
    for (let times = 1 + dice(3); times > 0 && bytes.length; times -= 1) bytes[dice(bytes.length)] = dice(256);
    try {
      paint(bytes);
      seen.painted += 1;
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
      seen.refused += 1;
    }
  }
  assert.ok(seen.refused > 500 && seen.painted > 50, JSON.stringify(seen));
});
