// From input to light: presses a key, and takes the time until what it changed is on the screen here.
//
// The server tells, by the clock of the captured pictures, when the key went to the target: the first picture that
// was captured later and is painted is taken for its effect, so that what was under way before does not count. The
// time itself is taken by this page's clock alone, from the key to the frame of the display after the painting.

const $ = (id) => document.getElementById(id);
const ROUNDS = 20;
/** A character, and what takes it away again. */
const KEYS = ['KeyX', 'Backspace'];
// Nothing else may change the picture while it is measured.
const STILL_MS = 150;
const LONGEST_STILL_MS = 3000;
const LONGEST_EFFECT_MS = 2000;
const MOST_MISSES = 3;
/** The bars of the histogram: a frame of 60 Hz is 17 ms. */
const BOUNDS_MS = [5, 10, 17, 25, 33, 50, 67, 100, 150, 250, 500, 1000, Infinity];

export class Probe {
  #send;
  #paintedAt = -Infinity;
  #number = 0;
  /** What is waited for: the number of the key, when it was pressed, and from when on a picture counts. */
  #waiting = null;
  #times = [];
  #running = false;

  /** `send(message)` is false when it did not go. */
  constructor(send) {
    this.#send = send;
    for (const bound of BOUNDS_MS) {
      const bar = document.createElement('i');
      bar.title = bound === Infinity ? 'more' : `up to ${bound} ms`;
      $('photons').append(bar);
    }
    $('probe').addEventListener('click', () => (this.#running ? this.stop() : this.#run()));
  }

  /** A picture was painted just now. */
  painted({ captured }) {
    this.#paintedAt = performance.now();
    const waiting = this.#waiting;
    if (!waiting || !(captured >= waiting.from)) return;
    this.#waiting = null;
    // What is painted now is shown with the next frame of the display.
    requestAnimationFrame(() => waiting.done(performance.now() - waiting.pressedAt));
  }

  /** The server has passed on the key. */
  probed({ probe, at_us: from }) {
    if (this.#waiting?.number === probe) this.#waiting.from = from;
  }

  stop() {
    this.#running = false;
    this.#waiting?.done(null);
    this.#waiting = null;
  }

  async #run() {
    this.#running = true;
    this.#times = [];
    let misses = 0;
    $('probe').textContent = 'Stop';
    for (let round = 0; this.#running && round < ROUNDS && misses < MOST_MISSES; round += 1) {
      if (!(await this.#still())) {
        this.#say('The picture does not stand still, and nothing can be measured.');
        break;
      }
      const time = await this.#press(KEYS[round % KEYS.length]);
      if (time === null) misses += 1;
      else this.#add(time);
    }
    if (misses === MOST_MISSES) this.#say('The keys change nothing on the screen: they need something that can be typed into.');
    this.#running = false;
    $('probe').textContent = 'Measure input to photon';
  }

  /** Whether nothing is painted for a while. */
  async #still() {
    const start = performance.now();
    while (this.#running && performance.now() - start < LONGEST_STILL_MS) {
      const rest = STILL_MS - (performance.now() - Math.max(start, this.#paintedAt));
      if (rest <= 0) return true;
      await new Promise((done) => setTimeout(done, rest));
    }
    return false;
  }

  /** Presses a key; how long it took until its effect was seen, or null. */
  #press(code) {
    return new Promise((finish) => {
      this.#number += 1;
      const timer = setTimeout(() => this.#waiting?.done(null), LONGEST_EFFECT_MS);
      const done = (time) => {
        clearTimeout(timer);
        this.#waiting = null;
        finish(time);
      };
      this.#waiting = { number: this.#number, pressedAt: performance.now(), from: NaN, done };
      const went = this.#send({ type: 'key', code, down: true, probe: this.#number });
      this.#send({ type: 'key', code, down: false });
      if (!went) this.stop();
    });
  }

  #add(time) {
    this.#times.push(time);
    this.#send({ type: 'photon', us: Math.round(time * 1000) });
    const counts = BOUNDS_MS.map((bound, index) => this.#times.filter((one) => one <= bound && one > (BOUNDS_MS[index - 1] ?? -1)).length);
    const most = Math.max(...counts);
    [...$('photons').children].forEach((bar, index) => {
      bar.style.height = `${(counts[index] / most) * 100}%`;
    });
    const sorted = [...this.#times].sort((a, b) => a - b);
    const words = `median ${sorted[sorted.length >> 1].toFixed(0)} ms, ${sorted[0].toFixed(0)} to ${sorted.at(-1).toFixed(0)} ms, ${sorted.length} keys`;
    $('photons').setAttribute('aria-label', `Histogram of input to photon: ${words}`);
    this.#say(words);
  }

  #say(words) {
    $('photon-words').textContent = words;
  }
}
