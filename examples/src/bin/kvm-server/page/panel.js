// The toolbar's lights and words, and the side panel: what the server says of itself, and what this page measures.

import { CODECS } from './picture.js';

const $ = (id) => document.getElementById(id);
const NARROW = matchMedia('(max-width: 1080px)');
const LINKS = { ready: 'Ready', 'not-polling': 'Not read by the target', detached: 'Detached', absent: 'None' };
const CONTROLS = { yours: 'Yours', free: 'Nobody', held: 'Somebody else' };
const STAGES = ['capture', 'diff', 'encode', 'send', 'line', 'paint'];
const LEDS = { num: 'Num Lock', caps: 'Caps Lock', scroll: 'Scroll Lock' };

/** Renders states. `actions`: `control()`, `invite()` (gives the link). */
export class Panel {
  #ages = new Ages();
  #paints = 0;
  #paintedAt = performance.now();
  #said = new Map();
  /** The statistics of the last second in which a picture was encoded. */
  #times = null;
  #wasOpen = false;

  constructor(actions) {
    this.#fold();
    $('control-button').addEventListener('click', actions.control);
    $('invite').addEventListener('click', async () => {
      const url = await actions.invite();
      if (!url) return;
      $('invite-url').value = url;
      $('invite-url').hidden = false;
      $('invite-url').select();
    });
    for (const stage of STAGES) {
      const shade = STAGES.indexOf(stage);
      const bar = document.createElement('i');
      bar.dataset.shade = shade;
      $('stages').append(bar);
      const item = document.createElement('li');
      const colour = document.createElement('i');
      colour.dataset.shade = shade;
      const figure = document.createElement('b');
      figure.className = 'number';
      item.append(colour, stage, figure);
      $('stage-legend').append(item);
    }
  }

  /** A picture was painted just now. */
  painted(header) {
    this.#paints += 1;
    this.#ages.add(header, performance.now());
    this.#say('stat-picture', `${CODECS[header.codec]}, ${amount(header.bytes)}`);
  }

  /** The line is new: another clock may be behind it. */
  forget() {
    this.#ages = new Ages();
  }

  /** In full screen the picture comes first; afterwards the panel is as it was. */
  fullScreen(full) {
    if (full) this.#wasOpen = !$('panel').hidden;
    showPanel(!full && this.#wasOpen);
  }

  show(state) {
    this.#say('format', state.format ? `${state.format.width} × ${state.format.height}` : '');
    for (const [led, name] of Object.entries(LEDS)) {
      const on = String(state.leds?.[led] ?? false);
      if ($(`led-${led}`).dataset.on === on) continue;
      $(`led-${led}`).dataset.on = on;
      $(`led-${led}`).setAttribute('aria-label', `${name} ${on === 'true' ? 'on' : 'off'}`);
    }
    this.#showSession(state);
    this.#showRecordings(state);
    this.#showCapabilities(state.capabilities ?? []);
    this.#showStatistics(state.stats);
  }

  #showSession({ control, viewers, links }) {
    this.#say('control', CONTROLS[control] ?? control);
    this.#say('control-button', control === 'yours' ? 'Leave control' : 'Take control');
    this.#say('viewers', String(viewers));
    for (const link of ['keyboard', 'pointer', 'mouse']) {
      const word = links?.[link] ?? 'absent';
      $(`link-${link}`).dataset.state = word;
      this.#say(`link-${link}`, LINKS[word] ?? word);
    }
  }

  #showRecordings({ recording, recordings }) {
    $('record').setAttribute('aria-pressed', String(recording !== null));
    $('record').title = recording ? `Stop recording ${recording.name}` : 'Record to a file';
    this.#say('record-label', recording ? clock(recording.seconds) : 'Record');
    const names = recordings ?? [];
    $('recordings-none').hidden = names.length > 0;
    const running = recording ? `${clock(recording.seconds)}, ${amount(recording.bytes)}` : '';
    this.#list('recordings', [...names].reverse(), (name) => {
      const link = document.createElement('a');
      link.href = `/recordings/${encodeURIComponent(name)}`;
      link.download = name;
      link.append(name);
      if (recording?.name === name) {
        const mark = document.createElement('span');
        mark.className = 'running number';
        mark.textContent = running;
        link.append(mark);
      }
      return [link];
    }, running);
  }

  #showCapabilities(capabilities) {
    this.#list('capabilities', capabilities, ({ word, scope, reason, granted, exercised }) => {
      const title = document.createElement('h3');
      const tags = document.createElement('span');
      tags.className = 'tags';
      for (const [tag, on] of [['declared', true], ['granted', granted], ['exercised', exercised.length > 0]]) {
        const mark = document.createElement('span');
        mark.className = 'tag';
        mark.dataset.on = String(on);
        mark.setAttribute('aria-label', on ? tag : `not ${tag}`);
        mark.textContent = tag;
        tags.append(mark);
      }
      title.append(word, tags);
      const lines = [title];
      const used = exercised.filter((what) => what !== scope);
      for (const words of [reason, scope && `Scope: ${scope}`, used.length > 0 && `Used: ${used.join(', ')}`]) {
        if (!words) continue;
        const line = document.createElement('p');
        line.textContent = words;
        lines.push(line);
      }
      return lines;
    });
  }

  #showStatistics(stats) {
    if (!stats) return;
    const now = performance.now();
    const seconds = (now - this.#paintedAt) / 1000;
    if (seconds >= 0.9) {
      this.#say('stat-painted', `${(this.#paints / seconds).toFixed(1)} /s`);
      this.#paints = 0;
      this.#paintedAt = now;
    }
    this.#say('stat-captured', `${stats.captured_fps.toFixed(1)} /s`);
    this.#say('stat-sent', `${stats.sent_fps.toFixed(1)} /s`);
    const [rate, unit] = amount(stats.bytes_per_s).split(' ');
    this.#say('stat-rate', rate);
    this.#say('stat-rate-unit', `${unit}/s`);
    this.#say('stat-tiles', `${stats.changed_tiles} of ${stats.tiles}`);
    this.#say('stat-unchanged', String(stats.unchanged));
    this.#say('stat-dropped', String(stats.dropped));
    this.#say('stat-limit', stats.limit_bytes_per_s === null ? 'all there is' : `${amount(stats.limit_bytes_per_s)}/s`);
    if (stats.round_trip_us > 0) this.#say('stat-acknowledged', `${(stats.round_trip_us / 1000).toFixed(1)} ms`);
    // Seconds in which nothing was encoded say nothing of the pictures that are seen.
    if (stats.encode_us > 0) this.#times = stats;
    if (this.#times) this.#showStages(this.#times);
  }

  #showStages({ diff_us, encode_us, send_us, age_us }) {
    const here = this.#ages.median();
    this.#say('stat-age', here ? (here.age / 1000).toFixed(1) : '–');
    const times = [Math.max(0, age_us - diff_us - encode_us - send_us), diff_us, encode_us, send_us, here?.line ?? 0, here?.paint ?? 0];
    const bars = $('stages').children;
    const figures = $('stage-legend').querySelectorAll('b');
    times.forEach((time, stage) => {
      bars[stage].style.flexGrow = time;
      const words = (time / 1000).toFixed(1);
      if (figures[stage].textContent !== words) figures[stage].textContent = words;
    });
    $('stages').setAttribute('aria-label', `Latency by stage in milliseconds: ${STAGES.map((stage, at) => `${stage} ${(times[at] / 1000).toFixed(1)}`).join(', ')}`);
  }

  #say(id, words) {
    if (this.#said.get(id) === words) return;
    this.#said.set(id, words);
    $(id).textContent = words;
  }

  /** Makes a list anew when it has changed, so that a link can be clicked and a text be marked meanwhile. */
  #list(id, items, render, also = '') {
    const key = JSON.stringify([items, also]);
    if (this.#said.get(id) === key) return;
    this.#said.set(id, key);
    $(id).replaceChildren(...items.map((item) => {
      const entry = document.createElement('li');
      entry.append(...render(item));
      return entry;
    }));
  }

  /** The panel and its sections stay as they were left. */
  #fold() {
    showPanel(localStorage.getItem('panel') === 'open' || (localStorage.getItem('panel') === null && !NARROW.matches));
    $('panel-toggle').addEventListener('click', () => {
      showPanel($('panel').hidden);
      localStorage.setItem('panel', $('panel').hidden ? 'folded' : 'open');
    });
    for (const section of $('panel').querySelectorAll('details')) {
      const name = `section-${section.dataset.section}`;
      if (localStorage.getItem(name) === 'folded') section.open = false;
      section.addEventListener('toggle', () => localStorage.setItem(name, section.open ? 'open' : 'folded'));
    }
  }
}

/**
 * How old pictures are when they are painted. The clocks of the two machines cannot be compared: the
 * shortest way from send to arrival counts as zero, and only what a picture took longer is told.
 */
class Ages {
  #shortest = Infinity;
  #shortestBefore = Infinity;
  #bucket = 0;
  #recent = [];

  add({ captured, sent, arrived }, painted) {
    const way = arrived * 1000 - sent;
    // Clocks drift: the shortest way is that of the last one or two minutes.
    const bucket = Math.floor(painted / 60000);
    if (bucket !== this.#bucket) {
      this.#bucket = bucket;
      this.#shortestBefore = this.#shortest;
      this.#shortest = Infinity;
    }
    const first = this.#shortest === Infinity && this.#shortestBefore === Infinity;
    this.#shortest = Math.min(this.#shortest, way);
    // The first picture may show a screen that has stood still for long: its age is no delay.
    if (first) return;
    const line = way - Math.min(this.#shortest, this.#shortestBefore);
    const paint = (painted - arrived) * 1000;
    this.#recent.push({ age: sent - captured + line + paint, line, paint });
    if (this.#recent.length > 31) this.#recent.shift();
  }

  /** Microseconds; null before the first picture. */
  median() {
    if (!this.#recent.length) return null;
    const middle = (values) => values.sort((a, b) => a - b)[values.length >> 1];
    const of = (name) => middle(this.#recent.map((one) => one[name]));
    return { age: of('age'), line: of('line'), paint: of('paint') };
  }
}

function showPanel(open) {
  $('panel').hidden = !open;
  $('panel-toggle').setAttribute('aria-expanded', String(open));
}

function amount(bytes) {
  if (bytes < 1000) return `${Math.round(bytes)} B`;
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(bytes < 1e4 ? 1 : 0)} kB`;
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

function clock(seconds) {
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
}
