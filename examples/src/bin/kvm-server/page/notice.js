// What lies over the picture: why it is not live, who has control, what is being typed, and short words.

const SHORT_MS = 3500;
const TOAST_MS = 6000;

const $ = (id) => document.getElementById(id);

/** `actions`: `retry()`, `takeControl()`, `stopTyping()`. */
export class Notice {
  #typingTotal = 0;
  #hintTimer = 0;
  #standing = '';

  constructor(actions) {
    $('overlay-action').addEventListener('click', actions.retry);
    $('take-control').addEventListener('click', actions.takeControl);
    $('typing-stop').addEventListener('click', actions.stopTyping);
  }

  /** Says why the picture is not live, or nothing when `trouble` is null. */
  overlay(trouble) {
    const { kind = '', title = '', reason = '', advice = '', age = '', action = false } = trouble ?? {};
    const overlay = $('overlay');
    setText($('overlay-title'), title);
    setText($('overlay-reason'), reason);
    setText($('overlay-advice'), advice);
    setText($('overlay-age'), age);
    $('overlay-action').hidden = !action;
    if (overlay.dataset.kind !== kind) overlay.dataset.kind = kind;
    overlay.hidden = !trouble;
  }

  /** `control` as the server says it, or null when there is no line. */
  banner(control) {
    $('banner').hidden = control !== 'held' && control !== 'free';
    setText($('banner-text'), control === 'free' ? 'Nobody has control.' : 'View only: somebody else has control.');
  }

  /** Somebody tried what needs control. */
  nudge() {
    const { classList } = $('banner');
    classList.remove('nudge');
    requestAnimationFrame(() => requestAnimationFrame(() => classList.add('nudge')));
  }

  /** `typing` as the server says it. */
  typing(typing) {
    $('typing').hidden = !typing;
    this.#typingTotal = typing ? Math.max(this.#typingTotal, typing.remaining) : 0;
    if (!typing) return;
    const done = this.#typingTotal - typing.remaining;
    $('typing-bar').value = this.#typingTotal ? done / this.#typingTotal : 0;
    setText($('typing-text'), `Typing: ${done} of ${this.#typingTotal}`);
  }

  /** A text that long is about to be typed. */
  expectTyping(length) {
    this.#typingTotal = length;
  }

  /** Words that stay as long as they hold; an empty string for none. */
  hint(words) {
    this.#standing = words;
    if (!this.#hintTimer) this.#showHint(words);
  }

  /** Words for a moment. */
  hintShortly(words) {
    clearTimeout(this.#hintTimer);
    this.#hintTimer = setTimeout(() => {
      this.#hintTimer = 0;
      this.#showHint(this.#standing);
    }, SHORT_MS);
    this.#showHint(words);
  }

  /** `kind`: `refused` or `done`. The same words are not said twice at once. */
  toast(words, kind = 'refused') {
    const toasts = $('toasts');
    if ([...toasts.children].some((toast) => toast.textContent === words)) return;
    const toast = document.createElement('div');
    toast.className = 'toast';
    toast.dataset.kind = kind;
    toast.textContent = words;
    toasts.append(toast);
    setTimeout(() => toast.remove(), TOAST_MS);
  }

  #showHint(words) {
    const hint = $('hint');
    hint.dataset.shown = String(words !== '');
    // The old words stay while they fade.
    if (words) setText(hint, words);
  }
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
