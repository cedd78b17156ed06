// Joins the parts: the line brings pictures and states, the hands' motion goes out on it.
//
// One rule stands above the others: what is not known to be live does not look live, and what is not known
// to be under control gets no input.

import { Line } from './line.js';
import { Film } from './film.js';
import { Peer } from './webrtc.js';
import { Picture } from './picture.js';
import { Probe } from './probe.js';
import { Held, Keyboard } from './keyboard.js';
import { KeyRow } from './keyrow.js';
import { Pointer } from './pointer.js';
import { Notice } from './notice.js';
import { Panel } from './panel.js';

const $ = (id) => document.getElementById(id);
const app = $('kvm');
const canvas = $('picture');
const TICK_MS = 250;
/** Where a codec does not work, the next one is tried; the last one is the browser's own affair. */
const INSTEAD = { 'H.264': 'rects', Rectangles: 'jpeg', JPEG: 'mjpeg' };
// The server takes messages of 64 KiB; a character may take two bytes on the way.
const LONGEST_TEXT = 30000;

/** The newest state of the line that is open; null when there is none. */
let state = null;
/** Whether the picture came on the line that is open: one of an earlier line is old. */
let fresh = false;
/** Whether the person here wants control when nobody has it. */
let wantsControl = true;
let hintsOfLeaving = 2;

const line = new Line(askedCodec(), {
  phase: lineChanged,
  picture: (buffer) => picture.take(buffer),
  state: stateCame,
  noSuchCodec: (codec) => notice.toast(`This server has no pictures in ${codec}: these come as it prefers.`),
  probed: (message) => probe.probed(message),
  refused: ({ reason }) => notice.toast(reason),
  line: ({ name }) => line.codec === 'webrtc' && peer.start(name),
});

/** What hands do goes one way only, or it could arrive in another order: beside the pictures where these come by WebRTC. */
const hands = () => (line.codec === 'webrtc' ? peer : line);
const mayControl = () => line.phase === 'open' && state?.control === 'yours' && (hands() === line || peer.open);
const send = (message) => mayControl() && hands().send(message);

const notice = new Notice({ retry: () => line.retryNow(), takeControl, stopTyping: () => send({ type: 'stop-typing' }) });
const panel = new Panel({ control: () => (mayControl() ? leaveControl() : takeControl()), invite });
const picture = new Picture(canvas, $('film'), $('stage'), {
  painted(header) {
    fresh = true;
    panel.painted(header);
    probe.painted(header);
    render();
  },
  passed: ({ sequence }) => line.send({ type: 'painted', sequence }),
  keyframe: () => line.send({ type: 'keyframe' }),
  trouble: (words) => notice.toast(words),
  // Rectangles come without films, too.
  unable: (codec) => changeCodec((line.codec || state?.codecs[0]) === 'films' ? 'rects' : INSTEAD[codec]),
});
const film = new Film($('film'), { shown: (width, height) => shown($('film'), 'MJPEG', width, height) });
const peer = new Peer($('video'), {
  shown: (width, height) => shown($('video'), 'WebRTC', width, height),
  opened: render,
  unable: () => changeCodec('h264'),
  refused: ({ reason }) => notice.toast(reason),
});
const probe = new Probe(send);

const held = new Held(send);
const pointer = new Pointer(canvas, {
  send,
  congested: () => hands().congested,
  mayControl,
  denied: () => notice.nudge(),
  seen: (event) => keyboard.reconcile(event),
  pinch: (event) => event.ctrlKey && !held.has('ControlLeft', 'finger') && !held.has('ControlRight', 'finger'),
  locked(on) {
    if (on) notice.hintShortly('Esc frees the pointer');
    render();
  },
});
const keyRow = new KeyRow($('keys'), $('vt-menu'), held, { before: () => pointer.flush(), focus: () => canvas.focus() });
const keyboard = new Keyboard(canvas, held, {
  before: () => pointer.flush(),
  typed: () => keyRow.typed(),
  leave: () => $('keys-toggle').focus(),
});

addEventListener('blur', releaseAll);
addEventListener('pagehide', releaseAll);
document.addEventListener('visibilitychange', () => document.hidden && releaseAll());
for (const type of ['focus', 'blur']) canvas.addEventListener(type, focusChanged);
$('pointer-mode').addEventListener('click', () => setRelative(!pointer.relative));
$('full-screen').addEventListener('click', toggleFullScreen);
document.addEventListener('fullscreenchange', fullScreenChanged);
$('record').addEventListener('click', () => line.send({ type: 'record', on: !state?.recording }));
$('keys-toggle').addEventListener('click', () => showKeys($('keys').hidden));
$('snapshot-png').addEventListener('click', savePng);
for (const id of ['snapshot-jpeg', 'snapshot-exact']) $(id).addEventListener('click', () => $('snapshot-menu').hidePopover());
for (const menu of document.querySelectorAll('.menu')) menu.addEventListener('toggle', placeMenu);
$('paste-open').addEventListener('click', openPaste);
$('paste-text').addEventListener('input', countPaste);
$('paste-text').addEventListener('keydown', (event) => event.key === 'Enter' && event.ctrlKey && $('paste-type').click());
$('paste-clipboard').addEventListener('click', pasteFromClipboard);
$('paste').addEventListener('close', pasteClosed);
$('paste-clipboard').hidden = !navigator.clipboard?.readText;
showKeys(localStorage.getItem('keys') === 'open');
setInterval(render, TICK_MS);
render();

// The line and what it says.

function askedCodec() {
  const asked = new URLSearchParams(location.search).get('codec');
  return ['rects', 'films', 'jpeg', 'h264', 'openh264', 'mjpeg', 'webrtc'].includes(asked) ? asked : '';
}

/** The browser shows a picture by itself. */
function shown(twin, codec, width, height) {
  fresh = line.phase === 'open';
  picture.shownByTwin(twin, codec, width, height);
  render();
}

function changeCodec(codec) {
  peer.stop();
  notice.toast(`This browser shows the pictures in another way: ${codec}.`);
  line.change(codec);
}

function lineChanged() {
  if (line.phase === 'open' && line.codec === 'mjpeg' && !fresh) film.start();
  if (line.phase !== 'open') {
    if (line.phase !== 'silent') peer.stop();
    forgetInput();
    probe.stop();
  }
  if (line.phase === 'lost' || line.phase === 'ended') {
    state = null;
    fresh = false;
    picture.forget();
    panel.forget();
    notice.typing(null);
  }
  render();
}

function stateCame(newest) {
  const before = state;
  state = newest;
  if (!before && state.control === 'free' && wantsControl) line.send({ type: 'take-control' });
  if (before?.control === 'yours' && state.control !== 'yours') forgetInput();
  // Who gets control wants to type, unless the focus has been put elsewhere.
  if (before?.control !== 'yours' && state.control === 'yours' && document.activeElement === document.body) canvas.focus();
  if (state.format) picture.expect(state.format.width, state.format.height);
  panel.show(state);
  notice.typing(state.typing);
  render();
}

/** Brings into line what depends on more than one part. */
function render() {
  const trouble = findTrouble();
  const words = trouble?.status ?? 'Live';
  setData(app, 'line', line.phase);
  setData(app, 'control', state?.control ?? 'none');
  setData(app, 'signal', state ? (state.signal.live ? 'live' : 'lost') : 'unknown');
  setData(canvas, 'live', String(!trouble));
  if ($('status').textContent !== words) {
    $('status').textContent = words;
    document.title = `${words} – KVM`;
  }
  notice.overlay(trouble);
  notice.banner(line.phase === 'open' ? state?.control : null);
  notice.hint(trouble || !mayControl() || state.typing ? '' : standingHint());
  for (const button of document.querySelectorAll('[data-needs-control], .key')) button.disabled = !mayControl();
  for (const id of ['record', 'invite', 'control-button']) $(id).disabled = line.phase !== 'open';
}

/** Why the picture is not live, or null when it is. */
function findTrouble() {
  const age = picture.painted ? `What you see is ${Math.round(line.silence / 1000)} s old.` : '';
  switch (line.phase) {
    case 'ended':
      return { kind: 'ended', status: 'Session ended', title: 'The session has ended', reason: 'The server does not know this page any more: it may have been started anew.', advice: 'Open the link that it printed when it started.', age };
    case 'silent':
      return { kind: 'silent', status: 'Silent', title: 'Nothing is heard of the server', reason: 'The line is open, but nothing comes.', age };
    case 'lost': {
      const seconds = Math.max(1, Math.ceil((line.retryAt - performance.now()) / 1000));
      return { kind: 'lost', status: 'Connection lost', title: 'Connection lost', reason: 'The server is out of reach. Keys that were down are let go.', advice: `Trying again in ${seconds} s.`, age, action: true };
    }
    case 'connecting':
      if (picture.painted) return { kind: 'lost', status: 'Connection lost', title: 'Connection lost', reason: 'The server is out of reach. Keys that were down are let go.', advice: 'Trying again now.', age };
      return { kind: 'connecting', status: 'Connecting', title: 'Connecting', reason: 'Asking the server for the first picture.' };
  }
  if (state && !state.signal.live) return { kind: 'no-signal', status: 'No signal', title: 'No signal', reason: sentence(state.signal.reason), advice: sentence(state.signal.advice) };
  if (!state || !fresh) return { kind: 'waiting', status: 'Waiting', title: 'Waiting for a picture', reason: 'The line is open; the first picture is on its way.' };
  return null;
}

// Control.

function takeControl() {
  wantsControl = true;
  line.send({ type: 'take-control' });
  canvas.focus();
}

function leaveControl() {
  releaseAll();
  wantsControl = false;
  line.send({ type: 'give-control' });
}

/** Lets go of everything, here and on the target. */
function releaseAll() {
  pointer.flush();
  forgetInput();
  send({ type: 'release-all' });
}

function forgetInput() {
  held.forget();
  keyboard.forget();
  keyRow.release();
  pointer.forget();
}

function focusChanged({ type }) {
  if (type === 'focus' && mayControl() && hintsOfLeaving > 0) {
    hintsOfLeaving -= 1;
    notice.hintShortly('Ctrl + Alt + Shift leaves the picture');
  }
  render();
}

function standingHint() {
  if (pointer.relative && !pointer.locked) return 'Click the picture to lock the pointer to it';
  return document.activeElement === canvas ? '' : 'Click the picture to type';
}

function setRelative(on) {
  pointer.relative = on;
  $('pointer-mode').setAttribute('aria-pressed', String(on));
  canvas.focus();
  if (on) pointer.lock().catch(() => {});
  else if (pointer.locked) document.exitPointerLock();
  render();
}

function showKeys(shown) {
  $('keys').hidden = !shown;
  $('keys-toggle').setAttribute('aria-expanded', String(shown));
  localStorage.setItem('keys', shown ? 'open' : 'folded');
}

// Full screen, snapshots, invitations.

async function toggleFullScreen() {
  if (document.fullscreenElement) return document.exitFullscreen();
  try {
    await app.requestFullscreen({ navigationUI: 'hide' });
  } catch (error) {
    notice.toast(`Full screen was refused: ${error.message}`);
  }
}

async function fullScreenChanged() {
  const full = document.fullscreenElement !== null;
  $('full-screen').setAttribute('aria-pressed', String(full));
  panel.fullScreen(full);
  if (!full) return navigator.keyboard?.unlock?.();
  canvas.focus();
  try {
    // All keys go to the target, Alt+Tab and Esc too; Esc held long leaves full screen.
    await navigator.keyboard?.lock?.();
  } catch {
    notice.hintShortly('The browser keeps some keys for itself');
  }
}

async function savePng() {
  $('snapshot-menu').hidePopover();
  const blob = await picture.toBlob();
  if (!blob) return notice.toast('There is no picture to save yet.');
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = `snapshot-${canvas.dataset.sequence}.png`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

/** Asks for a link for one more viewer, and puts it on the clipboard where the browser lets it. */
async function invite() {
  try {
    const answer = await fetch('/invite', { method: 'POST' });
    if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
    const { url } = await answer.json();
    const copied = await navigator.clipboard?.writeText(url).then(() => true, () => false);
    notice.toast(copied ? 'Copied: a link that is good for one viewer.' : 'Here is a link that is good for one viewer.', 'done');
    return url;
  } catch (error) {
    notice.toast(`There is no invite link: ${error.message}.`);
    return null;
  }
}

/** Menus open at their button, above it where there is no room below. */
function placeMenu({ newState, target: menu }) {
  if (newState !== 'open') return;
  const button = document.querySelector(`[popovertarget="${menu.id}"]`).getBoundingClientRect();
  const box = menu.getBoundingClientRect();
  const below = button.bottom + 6 + box.height <= innerHeight;
  menu.style.top = `${below ? button.bottom + 6 : button.top - box.height - 6}px`;
  menu.style.left = `${Math.max(8, Math.min(button.left, innerWidth - box.width - 8))}px`;
}

// Paste as typing.

function openPaste() {
  $('paste').returnValue = '';
  countPaste();
  $('paste').showModal();
  $('paste-text').focus();
}

function countPaste() {
  const characters = [...$('paste-text').value];
  const foreign = [...new Set(characters.filter((character) => !/[\x20-\x7e\n\t]/.test(character)))];
  const count = `${characters.length} character${characters.length === 1 ? '' : 's'}`;
  const shown = foreign.slice(0, 8).join(' ') + (foreign.length > 8 ? ' …' : '');
  const tooLong = characters.length > LONGEST_TEXT;
  const trouble = tooLong ? `; at most ${LONGEST_TEXT} go at once` : foreign.length ? `; not on a US keyboard: ${shown}` : '';
  $('paste-count').textContent = count + trouble;
  $('paste-count').classList.toggle('alarm', trouble !== '');
  $('paste-type').disabled = characters.length === 0 || tooLong;
}

async function pasteFromClipboard() {
  try {
    $('paste-text').value = await navigator.clipboard.readText();
    countPaste();
  } catch (error) {
    notice.toast(`The browser does not give the clipboard: ${error.message}`);
  }
}

function pasteClosed() {
  const text = $('paste-text').value;
  if ($('paste').returnValue === 'type' && text) {
    notice.expectTyping([...text].length);
    if (!send({ type: 'type', text })) notice.toast('The text was not typed: this page has no control.');
    // What was typed may be a password.
    $('paste-text').value = '';
  }
  canvas.focus();
}

function setData(element, name, value) {
  if (element.dataset[name] !== value) element.dataset[name] = value;
}

function sentence(words) {
  if (!words) return '';
  const first = words[0].toUpperCase() + words.slice(1);
  return /[.!?…]$/.test(first) ? first : `${first}.`;
}
