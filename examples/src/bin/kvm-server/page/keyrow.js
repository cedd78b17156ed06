// The row of keys: combinations that the browser keeps for itself, and modifiers that stay down.

// How long a combination is held: firmware polls slowly.
const PRESS_MS = 60;

/** A modifier goes round with each click: down for the next key, down until clicked, up. */
export class KeyRow {
  #held;
  #sticky = new Map();

  /** `held`: what is down; `hooks`: `before()`, `focus()` (where typing goes on). */
  constructor(row, functionKeys, held, hooks) {
    this.#held = held;
    for (let n = 1; n <= 12; n += 1) {
      const button = document.createElement('button');
      button.textContent = `F${n}`;
      button.dataset.keys = `ControlLeft AltLeft F${n}`;
      button.setAttribute('role', 'menuitem');
      button.setAttribute('aria-label', `Ctrl+Alt+F${n}`);
      functionKeys.append(button);
    }
    for (const place of [row, functionKeys]) {
      // The picture keeps the focus, and with it the keys that fingers hold meanwhile.
      place.addEventListener('pointerdown', (event) => event.preventDefault());
      place.addEventListener('mousedown', (event) => event.preventDefault());
      place.addEventListener('click', (event) => {
        const button = event.target.closest('[data-keys], [data-code]');
        if (!button) return;
        hooks.before();
        if (button.dataset.code) this.#turn(button);
        else this.press(button.dataset.keys.split(' '));
        if (functionKeys.matches(':popover-open')) functionKeys.hidePopover();
        // A click of the mouse, not the press of a key on the button.
        if (event.detail > 0) hooks.focus();
      });
    }
  }

  /** Presses these keys together, and lets go of them in turn. */
  press(codes) {
    const holder = Symbol('combination');
    for (const code of codes) this.#held.down(code, holder);
    setTimeout(() => {
      for (const code of codes.toReversed()) this.#held.up(code, holder);
      this.typed();
    }, PRESS_MS);
  }

  /** A key was typed: modifiers that were meant for one key come up. */
  typed() {
    for (const [button, hold] of this.#sticky) if (hold === 'next') this.#set(button, null);
  }

  release() {
    for (const button of [...this.#sticky.keys()]) this.#set(button, null);
  }

  #turn(button) {
    const hold = this.#sticky.get(button);
    this.#set(button, hold === 'locked' ? null : hold === 'next' ? 'locked' : 'next');
  }

  #set(button, hold) {
    const { code } = button.dataset;
    if (hold) this.#held.down(code, 'sticky');
    else this.#held.up(code, 'sticky');
    if (hold && this.#held.has(code, 'sticky')) {
      this.#sticky.set(button, hold);
      button.dataset.hold = hold;
    } else {
      this.#sticky.delete(button);
      delete button.dataset.hold;
    }
    button.setAttribute('aria-pressed', String(button.dataset.hold !== undefined));
  }
}
