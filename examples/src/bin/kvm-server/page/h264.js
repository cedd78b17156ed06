// H.264 by way of WebCodecs. It has to be decoded without gaps, so that a decoder that lags is emptied and started
// again at a picture that decoding can start at.

// Pictures that a decoder may have in hand before it is held to lag.
const LAG = 8;

/** One decoder of WebCodecs, configured anew where the stream says so. */
export class H264Decoder {
  #output;
  #decoder = null;
  #codec = '';
  #pending = new Map();
  #stamp = 0;
  #waitsForStart = true;

  constructor(output) {
    this.#output = output;
  }

  reset() {
    if (this.#decoder && this.#decoder.state !== 'closed') this.#decoder.close();
    this.#decoder = null;
    this.#codec = '';
    this.#pending.clear();
    this.#stamp = 0;
    this.#waitsForStart = true;
  }

  decode(header, data) {
    if (typeof VideoDecoder === 'undefined') {
      return this.#output.unable();
    }
    if (this.#decoder?.decodeQueueSize > LAG) this.#startAgain();
    const starts = header.startsHere;
    if (this.#waitsForStart && !starts) return this.#askForStart();
    try {
      if (starts) this.#configure(codecOf(data));
      this.#waitsForStart = false;
      // Pictures that better what stands still have the time of the one before, by which they cannot be told apart.
      this.#stamp = Math.max(header.captured, this.#stamp + 1);
      this.#pending.set(this.#stamp, header);
      this.#decoder.decode(new EncodedVideoChunk({ type: starts ? 'key' : 'delta', timestamp: this.#stamp, data }));
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
    if (header && decoder === this.#decoder) {
      const { width, height } = header;
      this.#output.paint(header, (surface) => surface.draw(frame, { x: 0, y: 0, width, height }));
    }
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
    this.#output.keyframe();
  }
}

/** The codec string (RFC 6381, 3.3) that the first sequence parameter set of an Annex B stream says, or null. */
export function codecOf(data) {
  for (let at = 0; at + 6 < data.length; at += 1) {
    if (data[at] !== 0 || data[at + 1] !== 0 || data[at + 2] !== 1 || (data[at + 3] & 0x1f) !== 7) continue;
    return `avc1.${[...data.subarray(at + 4, at + 7)].map((byte) => byte.toString(16).padStart(2, '0')).join('')}`;
  }
  return null;
}
