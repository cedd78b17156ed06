// From a binary message to pixels: JPEG by way of `createImageBitmap`, H.264 by way of WebCodecs.
//
// The newest picture wins. A JPEG that arrives while another is being decoded waits alone, and is replaced
// by the next one; H.264 has to be decoded without gaps, so that a decoder that lags is emptied and
// started again at a picture that decoding can start at.

const HEADER_BYTES = 32;
const JPEG = 0;
const H264 = 1;
const STARTS_HERE = 1;
// Pictures that a decoder may have in hand before it is held to lag.
const LAG = 8;
const ASK_AGAIN_MS = 1000;

/** Paints what comes, and keeps the canvas as large as its stage and the pixel grid of the screen allow. */
export class Picture {
  #canvas;
  #stage;
  #context;
  #decoders;
  #painted = 0;
  #scale = 0;

  /** `hooks`: `painted(header)`, `keyframe()`, `trouble(words)`. */
  constructor(canvas, stage, hooks) {
    this.#canvas = canvas;
    this.#stage = stage;
    this.#context = canvas.getContext('2d', { alpha: false });
    const output = {
      paint: (image, header) => {
        this.#paint(image, header);
        hooks.painted(header);
      },
      keyframe: hooks.keyframe,
      trouble: hooks.trouble,
    };
    this.#decoders = { [JPEG]: new JpegDecoder(output), [H264]: new H264Decoder(output) };
    new ResizeObserver(() => this.#fit()).observe(stage);
    this.#fit();
  }

  get painted() {
    return this.#painted > 0;
  }

  /** CSS pixels per picture pixel. */
  get scale() {
    return this.#scale;
  }

  /** Takes a binary message. */
  take(buffer) {
    const header = parseHeader(buffer);
    if (header) this.#decoders[header.codec]?.decode(header, new Uint8Array(buffer, HEADER_BYTES));
  }

  /** What is being decoded belongs to a line that is gone. */
  forget() {
    for (const decoder of Object.values(this.#decoders)) decoder.reset();
  }

  /** The size that pictures are going to have, so that the layout is right before the first one. */
  expect(width, height) {
    if (!this.painted && width > 0 && height > 0) this.#resize(width, height);
  }

  toBlob() {
    return new Promise((done) => this.#canvas.toBlob(done, 'image/png'));
  }

  #paint(image, header) {
    this.#resize(header.width, header.height);
    this.#context.drawImage(image, 0, 0, header.width, header.height);
    this.#painted += 1;
    Object.assign(this.#canvas.dataset, { sequence: header.sequence, painted: this.#painted });
  }

  #resize(width, height) {
    if (this.#canvas.width === width && this.#canvas.height === height) return;
    this.#canvas.width = width;
    this.#canvas.height = height;
    this.#fit();
  }

  /** Fits the canvas into the stage, edges on device pixels. */
  #fit() {
    const { width, height, style } = this.#canvas;
    const density = devicePixelRatio;
    const room = { width: Math.floor(this.#stage.clientWidth * density), height: Math.floor(this.#stage.clientHeight * density) };
    if (!room.width || !room.height) return;
    let scale = Math.min(room.width / width, room.height / height);
    // Sharp text is worth a thin margin: a scale a hair above a whole one becomes the whole one.
    if (scale >= 1 && scale / Math.floor(scale) < 1.08) scale = Math.floor(scale);
    const shown = { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
    style.width = `${shown.width / density}px`;
    style.height = `${shown.height / density}px`;
    style.left = `${Math.floor((room.width - shown.width) / 2) / density}px`;
    style.top = `${Math.floor((room.height - shown.height) / 2) / density}px`;
    style.imageRendering = Number.isInteger(scale) ? 'pixelated' : 'auto';
    this.#scale = scale / density;
  }
}

/** One picture in hand, at most one waiting. */
class JpegDecoder {
  #output;
  #busy = false;
  #waiting = null;
  #generation = 0;

  constructor(output) {
    this.#output = output;
  }

  reset() {
    this.#waiting = null;
    this.#generation += 1;
  }

  decode(header, data) {
    this.#waiting = { header, data };
    if (!this.#busy) this.#run();
  }

  async #run() {
    this.#busy = true;
    while (this.#waiting) {
      const { header, data } = this.#waiting;
      const generation = this.#generation;
      this.#waiting = null;
      try {
        const bitmap = await createImageBitmap(new Blob([data], { type: 'image/jpeg' }));
        if (generation === this.#generation) this.#output.paint(bitmap, header);
        bitmap.close();
      } catch (error) {
        this.#output.trouble(`A picture could not be decoded: ${error.message}`);
      }
    }
    this.#busy = false;
  }
}

class H264Decoder {
  #output;
  #decoder = null;
  #codec = '';
  #pending = new Map();
  #waitsForStart = true;
  #askedAt = -Infinity;

  constructor(output) {
    this.#output = output;
  }

  reset() {
    if (this.#decoder && this.#decoder.state !== 'closed') this.#decoder.close();
    this.#decoder = null;
    this.#codec = '';
    this.#pending.clear();
    this.#waitsForStart = true;
  }

  decode(header, data) {
    if (typeof VideoDecoder === 'undefined') {
      this.#output.trouble('This browser has no decoder for H.264 here: use a newer one, or ask the server for JPEG.');
      return;
    }
    if (this.#decoder?.decodeQueueSize > LAG) this.#startAgain();
    const starts = (header.flags & STARTS_HERE) !== 0;
    if (this.#waitsForStart && !starts) return this.#askForStart();
    try {
      if (starts) this.#configure(codecOf(data));
      this.#waitsForStart = false;
      this.#pending.set(header.captured, header);
      this.#decoder.decode(new EncodedVideoChunk({ type: starts ? 'key' : 'delta', timestamp: header.captured, data }));
    } catch (error) {
      this.#fail(error);
    }
  }

  /** A new size or profile has a new parameter set: the decoder is configured anew, without a gap in what is shown. */
  #configure(codec) {
    if (!codec) throw new Error('no parameter set where decoding should start');
    if (this.#decoder && this.#codec === codec) return;
    if (!this.#decoder) {
      const decoder = new VideoDecoder({
        output: (frame) => this.#show(decoder, frame),
        error: (error) => decoder === this.#decoder && this.#fail(error),
      });
      this.#decoder = decoder;
    }
    this.#decoder.configure({ codec, optimizeForLatency: true });
    this.#codec = codec;
  }

  #show(decoder, frame) {
    const header = this.#pending.get(frame.timestamp);
    for (const timestamp of this.#pending.keys()) if (timestamp <= frame.timestamp) this.#pending.delete(timestamp);
    if (header && decoder === this.#decoder) this.#output.paint(frame, header);
    frame.close();
  }

  #fail(error) {
    this.#output.trouble(`The picture stream could not be decoded: ${error.message}`);
    this.#startAgain();
  }

  #startAgain() {
    this.reset();
    this.#askForStart();
  }

  #askForStart() {
    const now = performance.now();
    if (now - this.#askedAt < ASK_AGAIN_MS) return;
    this.#askedAt = now;
    this.#output.keyframe();
  }
}

/** The header of a binary message, or null when it is not a picture. */
function parseHeader(buffer) {
  if (buffer.byteLength <= HEADER_BYTES) return null;
  const view = new DataView(buffer);
  if (view.getUint8(0) !== 1) return null;
  return {
    codec: view.getUint8(1),
    flags: view.getUint8(2),
    width: view.getUint16(4, true),
    height: view.getUint16(6, true),
    sequence: Number(view.getBigUint64(8, true)),
    captured: Number(view.getBigUint64(16, true)),
    sent: Number(view.getBigUint64(24, true)),
    bytes: buffer.byteLength,
    arrived: performance.now(),
  };
}

/** The codec string (RFC 6381, 3.3) that the first sequence parameter set of an Annex B stream says, or null. */
function codecOf(data) {
  for (let at = 0; at + 6 < data.length; at += 1) {
    if (data[at] !== 0 || data[at + 1] !== 0 || data[at + 2] !== 1 || (data[at + 3] & 0x1f) !== 7) continue;
    return `avc1.${[...data.subarray(at + 4, at + 7)].map((byte) => byte.toString(16).padStart(2, '0')).join('')}`;
  }
  return null;
}
