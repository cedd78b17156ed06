// Keys by their place on the keyboard (`KeyboardEvent.code`), never by what they write.
//
// What a browser tells of keys has holes, by platform; each is mended where it is met. Two rules keep keys
// from sticking: the page knows what it has sent down and for whom, and a modifier that an event says is up
// comes up, whether or not its own event was ever told.

const MODIFIERS = ['Shift', 'Control', 'Alt', 'Meta', 'AltGraph'];
/** Ctrl, Alt and Shift pressed and let go, with nothing else between, leave the picture. */
const WAY_OUT = [['ControlLeft', 'ControlRight'], ['AltLeft', 'AltRight'], ['ShiftLeft', 'ShiftRight']];
/** Windows tells AltGr as ControlLeft and AltRight at once: ControlLeft waits this long for an AltRight. */
const ALTGR_MS = 30;
/** Keys that Windows tells going down, but never coming up. */
const NEVER_UP_ON_WINDOWS = new Set(['Zenkaku', 'Hankaku', 'ZenkakuHankaku', 'Romaji', 'Katakana', 'Hiragana', 'Eisu', 'Alphanumeric', 'KanaMode', 'KanjiMode', 'HangulMode', 'HanjaMode', 'JunjaMode']);

/** What is down on the target because of this page. A key held for two holders (finger, button) comes up with the last. */
export class Held {
  #holders = new Map();
  #send;

  constructor(send) {
    this.#send = send;
  }

  down(code, holder) {
    const holders = this.#holders.get(code);
    if (holders) return void holders.add(holder);
    if (this.#send({ type: 'key', code, down: true })) this.#holders.set(code, new Set([holder]));
  }

  up(code, holder) {
    const holders = this.#holders.get(code);
    if (!holders?.delete(holder) || holders.size) return;
    this.#holders.delete(code);
    this.#send({ type: 'key', code, down: false });
  }

  has(code, holder) {
    return this.#holders.get(code)?.has(holder) ?? false;
  }

  /** The server has let go of everything, or is told to by the caller. */
  forget() {
    this.#holders.clear();
  }
}

/** The keys of the person's own keyboard, while `element` has the focus. */
export class Keyboard {
  #held;
  #hooks;
  /** Code → `{ modifier, told }`: which modifier the key said it was, and whether events tell that it is down. */
  #fingers = new Map();
  #wayOut = false;
  #waitingControl = null;

  /** `hooks`: `before()` (something is about to be sent), `typed()` (a key that is no modifier came up), `leave()`. */
  constructor(element, held, hooks) {
    this.#held = held;
    this.#hooks = hooks;
    element.addEventListener('keydown', (event) => this.#keyDown(event));
    // A key that went down on the picture may come up when the focus is elsewhere.
    addEventListener('keyup', (event) => (event.target === element || this.#fingers.has(event.code)) && this.#keyUp(event));
    element.addEventListener('blur', () => this.release());
  }

  /** Lets go of every key the fingers hold. */
  release() {
    this.#forgetWaiting();
    for (const code of [...this.#fingers.keys()]) this.#lift(code);
    this.#wayOut = false;
  }

  /** As `release`, but the server knows already. */
  forget() {
    this.#forgetWaiting();
    this.#fingers.clear();
    this.#wayOut = false;
  }

  /** Sees in any event, of the pointer too, which modifiers are really down. */
  reconcile(event) {
    this.#flushWaiting();
    for (const [code, { modifier, told }] of this.#fingers) {
      if (told && code !== event.code && !event.getModifierState(modifier)) this.#lift(code);
    }
  }

  #keyDown(event) {
    event.preventDefault();
    event.stopPropagation();
    const { code } = event;
    if (!code || code === 'Unidentified') return;
    if (event.repeat || this.#fingers.has(code)) return;
    if (WINDOWS && code === 'ControlLeft') return this.#waitWithControl(event);
    if (WINDOWS && code === 'AltRight' && event.key === 'AltGraph') this.#forgetWaiting();
    this.reconcile(event);
    if (isTap(event)) return this.#tap(code);
    this.#press(event);
    // macOS does not tell that keys come up while Command is down: what is pressed then is a tap.
    if (APPLE && event.metaKey && !modifierOf(event)) this.#lift(code);
  }

  #keyUp(event) {
    event.preventDefault();
    const { code } = event;
    this.#flushWaiting();
    if (!this.#fingers.has(code) && (code === 'PrintScreen' || (APPLE && code === 'CapsLock'))) this.#tap(code);
    // Of two Shift keys the first to come up is not told on Windows: with the last one, both are up.
    const modifier = modifierOf(event);
    if (modifier && !event.getModifierState(modifier)) {
      for (const [other, finger] of this.#fingers) if (finger.modifier === modifier) this.#lift(other);
    }
    this.#lift(code);
    if (APPLE && modifier === 'Meta') {
      for (const [other, finger] of this.#fingers) if (!finger.modifier) this.#lift(other);
    }
    if (this.#wayOut && this.#fingers.size === 0) {
      this.#wayOut = false;
      this.#hooks.leave();
    }
  }

  #press(event) {
    const { code } = event;
    this.#hooks.before();
    const modifier = modifierOf(event);
    this.#fingers.set(code, { modifier, told: modifier !== null && event.getModifierState(modifier) });
    this.#held.down(code, 'finger');
    this.#wayOut = this.#fingers.size === WAY_OUT.length && WAY_OUT.every((either) => either.some((one) => this.#fingers.has(one)));
  }

  #lift(code) {
    if (!this.#fingers.has(code)) return;
    const { modifier } = this.#fingers.get(code);
    this.#fingers.delete(code);
    this.#held.up(code, 'finger');
    if (!modifier) this.#hooks.typed();
  }

  #tap(code) {
    this.#hooks.before();
    this.#held.down(code, 'finger');
    this.#held.up(code, 'finger');
    this.#hooks.typed();
  }

  #waitWithControl(event) {
    if (this.#waitingControl) return;
    this.#waitingControl = { event, timer: setTimeout(() => this.#flushWaiting(), ALTGR_MS) };
  }

  #flushWaiting() {
    if (!this.#waitingControl) return;
    const { event } = this.#waitingControl;
    this.#forgetWaiting();
    this.#press(event);
  }

  #forgetWaiting() {
    clearTimeout(this.#waitingControl?.timer);
    this.#waitingControl = null;
  }
}

function modifierOf({ code, key }) {
  // X11 calls Alt by the name of Meta while Shift is down.
  if (code.startsWith('Alt') && key === 'Meta') return 'Alt';
  return MODIFIERS.includes(key) ? key : null;
}

/** Keys of which the browser tells one half only. */
function isTap({ code, key }) {
  return (APPLE && code === 'CapsLock') || (WINDOWS && NEVER_UP_ON_WINDOWS.has(key));
}

const PLATFORM = navigator.userAgentData?.platform || navigator.platform;
const APPLE = /^(mac|iphone|ipad|ipod)/i.test(PLATFORM);
const WINDOWS = /^win/i.test(PLATFORM);
