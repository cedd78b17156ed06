// The pointer: where it is (absolute), how far it went (relative, with pointer lock), buttons and wheel.
//
// Motion is told once per animation frame at most, newest wins; buttons are told at once and each one, after
// the motion that came before them, so that a click lands where it was made.

// The largest coordinate of the protocol.
const FULL = 32767;
const BUTTONS = [['left', 1], ['right', 2], ['middle', 4], ['back', 8], ['forward', 16]];
// Pixels, lines and pages (`WheelEvent.deltaMode`) that make one notch.
const PER_NOTCH = [100, 3, 1];
// What `wheelDelta` says for one notch of a wheel that has notches.
const LEGACY_NOTCH = 120;

export class Pointer {
  #canvas;
  #hooks;
  #buttons = 0;
  /** Whether the buttons that are down went down on the picture. */
  #ours = false;
  #point = null;
  #moved = { dx: 0, dy: 0 };
  #wheel = { vertical: 0, horizontal: 0 };
  /** What is less than a pixel or a notch waits for more. */
  #rest = { dx: 0, dy: 0, vertical: 0, horizontal: 0 };
  #frame = 0;
  relative = false;

  /**
   * `hooks`: `send(message)` (false when it did not go), `congested()`, `mayControl()`, `denied()` (somebody
   * without control clicked), `seen(event)`, `pinch(event)` (Ctrl that nobody holds), `locked(on)`.
   */
  constructor(canvas, hooks) {
    this.#canvas = canvas;
    this.#hooks = hooks;
    for (const type of ['pointerdown', 'pointermove', 'pointerup', 'pointerleave']) {
      canvas.addEventListener(type, (event) => this.#pointer(event));
    }
    canvas.addEventListener('pointercancel', () => this.release());
    canvas.addEventListener('wheel', (event) => this.#turn(event), { passive: false });
    // The browser's own use of these: menu, selection, paste by the middle button, back and forward.
    for (const type of ['contextmenu', 'dragstart', 'selectstart', 'auxclick', 'mouseup']) {
      canvas.addEventListener(type, (event) => event.preventDefault());
    }
    document.addEventListener('pointerlockchange', () => {
      if (!this.locked) this.release();
      hooks.locked(this.locked);
    });
  }

  get locked() {
    return document.pointerLockElement === this.#canvas;
  }

  /** Locks the pointer to the picture; the browser wants this to follow a click or a key. */
  async lock() {
    try {
      // Raw motion: the target has an acceleration of its own.
      await this.#canvas.requestPointerLock({ unadjustedMovement: true });
    } catch {
      await this.#canvas.requestPointerLock();
    }
  }

  /** Sends the motion that waits for its frame. */
  flush() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    const { dx, dy } = this.#moved;
    const point = this.#point;
    const { vertical, horizontal } = this.#wheel;
    this.#point = null;
    this.#moved = { dx: 0, dy: 0 };
    this.#wheel = { vertical: 0, horizontal: 0 };
    if (point) this.#hooks.send({ type: 'point', ...point });
    if (dx || dy) this.#hooks.send({ type: 'move', dx, dy });
    if (vertical || horizontal) this.#hooks.send({ type: 'wheel', vertical, horizontal });
  }

  /** Lets go of every button. */
  release() {
    this.#ours = false;
    this.#press(0);
  }

  /** As `release`, but the server knows already. */
  forget() {
    this.#buttons = 0;
    this.#ours = false;
    this.#point = null;
    this.#moved = { dx: 0, dy: 0 };
    this.#wheel = { vertical: 0, horizontal: 0 };
  }

  #pointer(event) {
    if (!event.isPrimary) return;
    this.#hooks.seen(event);
    const pressed = event.type === 'pointerdown';
    if (pressed) {
      event.preventDefault();
      this.#canvas.focus({ preventScroll: true });
      if (!this.#hooks.mayControl()) return this.#hooks.denied();
      if (this.relative && !this.locked) return void this.lock().catch(() => {});
      this.#ours = true;
    }
    if (!this.#hooks.mayControl() || (this.relative && !this.locked)) return;
    if (this.locked) this.#move(event);
    else this.#aim(event);
    // Without the capture, which the system may take away, nobody would tell that a button came up outside.
    if (event.buttons === 0 || (event.type === 'pointerleave' && !this.locked)) this.#ours = false;
    this.#press(this.#ours ? event.buttons : 0);
    if (this.#ours && !this.locked) this.#canvas.setPointerCapture(event.pointerId);
  }

  #aim(event) {
    this.#point = pointOn(this.#canvas, event);
    this.#soon();
  }

  #move({ type, movementX, movementY }) {
    if (type !== 'pointermove') return;
    this.#moved.dx += this.#whole('dx', movementX);
    this.#moved.dy += this.#whole('dy', movementY);
    this.#soon();
  }

  #press(buttons) {
    if (buttons === this.#buttons) return;
    this.flush();
    for (const [button, bit] of BUTTONS) {
      if ((buttons ^ this.#buttons) & bit) this.#hooks.send({ type: 'button', button, down: (buttons & bit) !== 0 });
    }
    this.#buttons = buttons;
  }

  #turn(event) {
    event.preventDefault();
    this.#hooks.seen(event);
    // Browsers tell a pinch of the trackpad as a wheel with Ctrl.
    if (!this.#hooks.mayControl() || this.#hooks.pinch(event)) return;
    this.#wheel.vertical += this.#whole('vertical', -notches(event.deltaY, event.wheelDeltaY, event.deltaMode));
    this.#wheel.horizontal += this.#whole('horizontal', notches(event.deltaX, event.wheelDeltaX, event.deltaMode));
    this.#soon();
  }

  #soon() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      if (this.#hooks.congested()) this.#soon();
      else this.flush();
    });
  }

  /** The whole part of what has come together on an axis; the fraction stays, until the direction turns. */
  #whole(axis, amount) {
    const rest = this.#rest[axis];
    const sum = rest * amount < 0 ? amount : rest + amount;
    const whole = Math.trunc(sum);
    this.#rest[axis] = sum - whole;
    return whole;
  }
}

/** Where on the picture an event is: the middle of a target pixel, and the outermost pixels reach 0 and `FULL`. */
function pointOn(canvas, { clientX, clientY }) {
  const box = canvas.getBoundingClientRect();
  return {
    x: coordinate(clientX - box.left, box.width, canvas.width),
    y: coordinate(clientY - box.top, box.height, canvas.height),
  };
}

function coordinate(at, shown, pixels) {
  // The outermost pixel shown is the outermost of the target, however much the picture is scaled down.
  if (at < 1 || pixels < 2) return 0;
  if (at >= shown - 1) return FULL;
  const pixel = Math.floor(((at + 0.5 / devicePixelRatio) * pixels) / shown);
  return Math.ceil((Math.min(pixel, pixels - 1) * FULL) / (pixels - 1));
}

/** How many notches a wheel event is; a trackpad gives fractions. */
function notches(delta, legacy, mode) {
  // A wheel with notches says so, while the pixels that a notch scrolls differ by system. Trackpads of macOS
  // give three times the pixels there, which is no count of notches.
  if (legacy && legacy % LEGACY_NOTCH === 0 && Math.abs(legacy) !== 3 * Math.abs(delta)) return -legacy / LEGACY_NOTCH;
  return delta / PER_NOTCH[mode];
}
