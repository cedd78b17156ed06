// The page's decoder against what a real RFB server sends of a real screen: TigerVNC's Xvnc, in Tight with copies on
// one connection, and as raw pixels on another.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { RectPainter } from '../../src/bin/kvm-server/page/rects.js';
import { RfbClient } from './rfb.mjs';
import { Surface, djpeg } from './surface.mjs';

const TOOLS = ['Xvnc', 'xterm', 'xdotool', 'ffmpeg', 'ffplay', 'djpeg'];
const missing = TOOLS.filter((tool) => spawnSync('which', [tool]).status !== 0);
const skip = missing.length > 0 && !process.env.KVM_TOOLS_REQUIRED && `needs ${missing.join(', ')}`;
const [RAW, COPY_RECT, TIGHT] = [0, 1, 7];
const DISPLAY = ':87';
const PORT = 5987;
const folder = mkdtempSync(join(tmpdir(), 'kvm-page-'));
const running = [];

after(() => {
  for (const child of running) child.kill();
  rmSync(folder, { recursive: true });
});

function start(program, ...rest) {
  const child = spawn(program, rest, { env: { ...process.env, DISPLAY, SDL_AUDIODRIVER: 'dummy' }, stdio: 'ignore' });
  running.push(child);
  return child;
}

async function awaitServer() {
  start('Xvnc', DISPLAY, '-rfbport', String(PORT), '-localhost', '-SecurityTypes', 'None', '-geometry', '900x600', '-depth', '24', '-AlwaysShared');
  for (let tries = 0; tries < 100; tries += 1) {
    try {
      return (await RfbClient.connect(PORT, [RAW])).close();
    } catch {
      await sleep(100);
    }
  }
  throw new Error('Xvnc does not start');
}

/** Takes updates until the screen stands still, and gives it; counts the kinds of rectangles. */
async function follow(client, painter, surface, seen) {
  for (let before = await screen(); ; ) {
    await takeUpdates(client, painter, surface, seen);
    const now = await screen();
    if (!differing(before, now)) return now;
    before = now;
  }
}

async function takeUpdates(client, painter, surface, seen) {
  client.ask(true);
  for (let rects; (rects = await client.update(700)); client.ask(true)) {
    for (const rect of rects) {
      if (rect.kind === 'jpeg') rect.image = djpeg(rect.data);
      const name = rect.kind === 'basic' ? `basic, filter ${rect.filter}${rect.palette?.length === 2 ? ', two colours' : ''}` : rect.kind;
      seen[name] = (seen[name] ?? 0) + 1;
    }
    painter.paint(rects, surface);
  }
}

/** The screen as raw pixels, which need no decoder. */
async function screen() {
  const client = await RfbClient.connect(PORT, [RAW]);
  const picture = new Surface(client.width, client.height);
  client.ask(false);
  for (const { data, ...place } of await client.update(5000)) {
    picture.put(Uint32Array.from({ length: data.length / 4 }, (_, at) => 0xff000000 | (data[at * 4] << 16) | (data[at * 4 + 1] << 8) | data[at * 4 + 2]), place);
  }
  client.close();
  return picture;
}

/** The box around what differs, and how many pixels do. */
function differing(one, other) {
  const at = [...one.pixels.keys()].filter((index) => one.pixels[index] !== other.pixels[index]);
  if (!at.length) return null;
  const [columns, rows] = [at.map((index) => index % one.width), at.map((index) => Math.floor(index / one.width))];
  const [least, most] = [(all) => all.reduce((a, b) => Math.min(a, b)), (all) => all.reduce((a, b) => Math.max(a, b))];
  return `${at.length} pixels within ${[least(columns), least(rows), most(columns), most(rows)]}`;
}

function meanDifference(one, other) {
  const [ours, theirs] = [new Uint8Array(one.pixels.buffer), new Uint8Array(other.pixels.buffer)];
  return ours.reduce((sum, value, at) => sum + Math.abs(value - theirs[at]), 0) / ours.length;
}

/** A terminal that scrolls up and down, and says when; its cursor would blink. */
const SCROLLS = String.raw`
printf '\033[?25l'; for i in $(seq 300); do echo "line $i $(date +%N)"; sleep 0.004; done
printf '\033[H'; for i in $(seq 20); do printf '\033Mline %s above\r' "$i"; sleep 0.05; done; sleep 100`;

/** Things on the screen: text that scrolls, flat areas, a picture of many colours. */
async function play(act) {
  const terminal = start('xterm', '-geometry', '90x30+20+20', '-fa', 'DejaVu Sans Mono', '-fs', '10', '-e', 'sh', '-c', SCROLLS);
  await act();
  const still = join(folder, 'still.png');
  spawnSync('ffmpeg', ['-v', 'error', '-y', '-f', 'lavfi', '-i', 'mandelbrot=size=320x240:start_scale=0.05', '-frames:v', '1', still]);
  const photo = start('ffplay', '-v', 'quiet', '-loop', '0', '-left', '500', '-top', '300', '-noborder', still);
  spawnSync('xdotool', ['search', '--sync', '--onlyvisible', '--class', 'ffplay'], { env: { ...process.env, DISPLAY } });
  await act();
  for (const child of [terminal, photo]) {
    child.kill();
    await once(child, 'exit');
  }
  await act();
}

test('what Xvnc sends in Tight and copies is its screen, pixel by pixel', { skip, timeout: 60000 }, async (context) => {
  await awaitServer();
  const client = await RfbClient.connect(PORT, [COPY_RECT, TIGHT]);
  const [painter, surface, seen] = [new RectPainter(), new Surface(client.width, client.height), {}];
  client.ask(false);
  await play(async () => {
    assert.equal(differing(surface, await follow(client, painter, surface, seen)), null);
  });
  client.close();
  context.diagnostic(JSON.stringify(seen));
  for (const kind of ['copy', 'fill', 'basic, filter 0', 'basic, filter 1', 'basic, filter 1, two colours']) assert.ok(seen[kind], `none of ${kind} in ${JSON.stringify(seen)}`);
});

test('with JPEG allowed it is the screen but for what JPEG costs', { skip, timeout: 60000 }, async (context) => {
  // The pseudo-encoding -23 is JPEG quality 9 of 9.
  const client = await RfbClient.connect(PORT, [COPY_RECT, TIGHT, -23]);
  const [painter, surface, seen] = [new RectPainter(), new Surface(client.width, client.height), {}];
  client.ask(false);
  await play(async () => {
    const difference = meanDifference(surface, await follow(client, painter, surface, seen));
    assert.ok(difference < 1, `the mean difference is ${difference}`);
  });
  client.close();
  context.diagnostic(JSON.stringify(seen));
  assert.ok(seen.jpeg > 0, JSON.stringify(seen));
});
