// The page's inflate against zlib, and against bytes that are none.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { constants, createDeflate, deflateSync } from 'node:zlib';

import { Inflate, Malformed } from '../../src/bin/kvm-server/page/inflate.js';
import { random } from './random.mjs';

/** Contents of many kinds: runs, text, noise, and far repetitions. */
function contents(dice) {
  const length = dice(60000);
  const bytes = new Uint8Array(length);
  const kind = dice(5);
  for (let at = 0; at < length; at += 1) {
    if (kind === 0) bytes[at] = dice(256);
    else if (kind === 1) bytes[at] = dice(40) ? bytes[at - 1] : dice(256);
    else if (kind === 2) bytes[at] = 97 + Math.min(dice(26), dice(26), dice(26));
    else if (kind === 3) bytes[at] = at > 20000 && dice(500) ? bytes[at - 20000] : dice(256);
    else bytes[at] = 7;
  }
  return bytes;
}

/** Pieces of one stream, each flushed as an encoder of rectangles does. */
async function pieces(parts, options) {
  const deflate = createDeflate(options);
  const found = [];
  let chunks = [];
  deflate.on('data', (chunk) => chunks.push(chunk));
  for (const part of parts) {
    deflate.write(part);
    await new Promise((done) => deflate.flush(constants.Z_SYNC_FLUSH, done));
    found.push(Buffer.concat(chunks));
    chunks = [];
  }
  deflate.destroy();
  return found;
}

test('what zlib deflates comes out again, whatever its level and strategy', async () => {
  const dice = random(1);
  const { Z_DEFAULT_STRATEGY, Z_FILTERED, Z_HUFFMAN_ONLY, Z_RLE, Z_FIXED } = constants;
  for (let round = 0; round < 150; round += 1) {
    const options = { level: dice(10), strategy: [Z_DEFAULT_STRATEGY, Z_FILTERED, Z_HUFFMAN_ONLY, Z_RLE, Z_FIXED][dice(5)], memLevel: 1 + dice(9) };
    const parts = Array.from({ length: 1 + dice(4) }, () => contents(dice)).filter((part) => part.length);
    const inflate = new Inflate();
    for (const [index, piece] of (await pieces(parts, options)).entries()) {
      assert.deepEqual(Buffer.from(inflate.inflate(piece, parts[index].length)), Buffer.from(parts[index]), JSON.stringify(options));
    }
  }
});

test('a stream that was ended comes out, goes no further, and can be started anew', () => {
  const text = Buffer.from('the same, and the same, and the same');
  const inflate = new Inflate();
  assert.deepEqual(Buffer.from(inflate.inflate(deflateSync(text), text.length)), text);
  assert.throws(() => inflate.inflate(deflateSync(text), text.length), Malformed);
  inflate.reset();
  assert.deepEqual(Buffer.from(inflate.inflate(deflateSync(text), text.length)), text);
});

test('nothing of the stream before is left after a reset', async () => {
  const noise = Uint8Array.from({ length: 500 }, ((dice) => () => dice(256))(random(3)));
  const [, again] = await pieces([noise, noise], {});
  const inflate = new Inflate();
  inflate.inflate(deflateSync(noise), noise.length);
  inflate.reset();
  // The second piece of another stream refers to its first, and has no header of its own.
  assert.throws(() => inflate.inflate(again, noise.length), Malformed);
});

test('lengths that are not those of the stream are refused', () => {
  const bytes = Buffer.alloc(1000, 'abc');
  for (const length of [0, 1, 999, 1001, 100000]) {
    assert.throws(() => new Inflate().inflate(deflateSync(bytes), length), Malformed, String(length));
  }
});

test('bytes that were cut or changed are refused or decoded, never anything else', () => {
  const dice = random(2);
  const seen = { refused: 0, decoded: 0 };
  for (let round = 0; round < 4000; round += 1) {
    const bytes = contents(dice).subarray(0, 1 + dice(3000));
    if (!bytes.length) continue;
    const broken = Buffer.from(deflateSync(bytes, { level: dice(10) }));
    for (let times = 1 + dice(3); times > 0; times -= 1) broken[dice(broken.length)] ^= 1 << dice(8);
    const cut = broken.subarray(0, dice(4) ? broken.length : dice(broken.length));
    try {
      new Inflate().inflate(cut, bytes.length);
      seen.decoded += 1;
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
      seen.refused += 1;
    }
  }
  assert.ok(seen.refused > 1000 && seen.decoded > 100, JSON.stringify(seen));
});
