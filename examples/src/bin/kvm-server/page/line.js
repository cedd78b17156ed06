// The line to the server: one WebSocket, opened again whenever it goes.
//
// The server tells its state once a second at least, so that silence means trouble: a line that has said
// nothing for `SILENT_MS` is no longer called live, and is closed and opened anew after `DEAD_MS`.

const SILENT_MS = 3000;
const DEAD_MS = 6000;
const ALIVE_MS = 500;
const LONGEST_WAIT_MS = 10000;
// Above this, positions are left out: they would be old when they arrive.
const CONGESTED_BYTES = 16 * 1024;

/** `phase`: `connecting`, `open`, `silent` (open, but nothing comes), `lost` (waits for `retryAt`), `ended` (the session is unknown to the server). */
export class Line {
  #socket = null;
  #attempts = 0;
  #openedAt = 0;
  #heardAt = 0;
  #retry = 0;
  #handlers;
  #codec;

  phase = 'connecting';
  retryAt = 0;

  /** `handlers`: `phase()`, `picture(buffer)`, `noSuchCodec(codec)`, and one function per type of text message. `codec`: of pictures; empty for the server's own choice. */
  constructor(codec, handlers) {
    this.#codec = codec;
    this.#handlers = handlers;
    setInterval(() => this.#watch(), ALIVE_MS);
    // A lid that opens or a network that comes back is worth a try at once.
    addEventListener('online', () => this.retryNow());
    document.addEventListener('visibilitychange', () => document.hidden || this.retryNow());
    this.#open();
  }

  /** How long ago the server was heard: so old is what one sees. */
  get silence() {
    return performance.now() - this.#heardAt;
  }

  get codec() {
    return this.#codec;
  }

  get congested() {
    return this.#socket?.bufferedAmount > CONGESTED_BYTES;
  }

  /** Sends a message; false when there is no line to send it on. */
  send(message) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(JSON.stringify(message));
    return true;
  }

  retryNow() {
    if (this.phase !== 'lost') return;
    clearTimeout(this.#retry);
    this.#open();
  }

  /** Opens the line anew, with pictures of another codec. */
  change(codec) {
    this.#codec = codec;
    if (this.phase === 'ended') return;
    clearTimeout(this.#retry);
    this.#socket?.close();
    this.#enter('lost');
    this.#open();
  }

  #open() {
    const scheme = location.protocol === 'https:' ? 'wss:' : 'ws:';
    const socket = new WebSocket(`${scheme}//${location.host}/stream${this.#codec && `?codec=${this.#codec}`}`);
    socket.binaryType = 'arraybuffer';
    this.#socket = socket;
    this.#openedAt = performance.now();
    this.#enter('connecting');
    socket.onopen = () => {
      if (socket !== this.#socket) return;
      this.#heardAt = performance.now();
      this.#enter('open');
    };
    socket.onmessage = ({ data }) => {
      if (socket !== this.#socket) return;
      this.#attempts = 0;
      this.#heardAt = performance.now();
      this.#enter('open');
      if (data instanceof ArrayBuffer) return this.#handlers.picture(data);
      const message = JSON.parse(data);
      if (message.type in this.#handlers) this.#handlers[message.type](message);
    };
    socket.onclose = () => socket === this.#socket && this.#lose();
  }

  #watch() {
    const { silence } = this;
    if (this.phase === 'connecting' && performance.now() - this.#openedAt > DEAD_MS) return this.#lose();
    if (this.phase !== 'open' && this.phase !== 'silent') return;
    this.send({ type: 'alive' });
    if (silence > DEAD_MS) this.#lose();
    else if (silence > SILENT_MS) this.#enter('silent');
  }

  #lose() {
    this.#socket?.close();
    this.#socket = null;
    const wait = Math.min(LONGEST_WAIT_MS, 500 * 2 ** this.#attempts) * (0.8 + 0.4 * Math.random());
    this.#attempts += 1;
    this.retryAt = performance.now() + wait;
    this.#retry = setTimeout(() => this.#open(), wait);
    this.#enter('lost');
    this.#askWhetherKnown();
  }

  /** A refused WebSocket does not say why; a plain request does. */
  async #askWhetherKnown() {
    const answer = await fetch('/state', { cache: 'no-store' }).catch(() => null);
    if (!answer || this.phase === 'open') return;
    if (answer.ok) return this.#checkCodec(await answer.json());
    if (answer.status !== 401) return;
    clearTimeout(this.#retry);
    this.#socket?.close();
    this.#socket = null;
    this.#enter('ended');
  }

  #checkCodec({ codecs }) {
    const codec = this.#codec;
    if (!codec || codec === 'mjpeg' || codecs.includes(codec)) return;
    this.change('');
    this.#handlers.noSuchCodec(codec);
  }

  #enter(phase) {
    if (phase === this.phase) return;
    this.phase = phase;
    this.#handlers.phase();
  }
}
