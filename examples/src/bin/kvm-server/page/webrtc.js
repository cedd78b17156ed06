// Pictures that come by WebRTC, in a video over the canvas, and the way of keys and pointer beside them. Only this
// server is asked for it, and it names the one address that there is: no other is told or used.

// Whoever has no picture by then goes another way.
const FIRST_PICTURE_MS = 8000;
// Above this, positions are left out: they would be old when they arrive.
const CONGESTED_BYTES = 16 * 1024;

export class Peer {
  #video;
  #hooks;
  #connection = null;
  #channel = null;
  #place = null;
  #patience = 0;

  /** `hooks`: `shown(width, height)`, `opened()`, `refused(message)`, `unable()` (it does not work here). */
  constructor(video, hooks) {
    this.#video = video;
    this.#hooks = hooks;
  }

  /** Whether hands go this way: then all they do does, in one order. */
  get open() {
    return this.#channel !== null;
  }

  get congested() {
    return this.#channel?.bufferedAmount > CONGESTED_BYTES;
  }

  /** Starts, or starts anew, for the line of this name. */
  async start(line) {
    this.stop();
    if (typeof RTCPeerConnection === 'undefined') return this.#hooks.unable();
    const connection = new RTCPeerConnection();
    this.#connection = connection;
    this.#patience = setTimeout(() => this.#fail(connection), FIRST_PICTURE_MS);
    try {
      await this.#connect(connection, line);
    } catch {
      this.#fail(connection);
    }
  }

  stop() {
    clearTimeout(this.#patience);
    this.#connection?.close();
    this.#connection = null;
    this.#channel = null;
    this.#video.hidden = true;
    this.#video.srcObject = null;
    // The server notices by itself if it does not hear of it.
    if (this.#place) fetch(this.#place, { method: 'DELETE', keepalive: true }).catch(() => null);
    this.#place = null;
  }

  /** Sends a message on the data channel; false when it is not open. */
  send(message) {
    if (this.#channel?.readyState !== 'open') return false;
    this.#channel.send(JSON.stringify(message));
    return true;
  }

  async #connect(connection, line) {
    const transceiver = connection.addTransceiver('video', { direction: 'recvonly' });
    if ('jitterBufferTarget' in transceiver.receiver) transceiver.receiver.jitterBufferTarget = 0;
    askForCaptureTime(transceiver);
    this.#open(connection, connection.createDataChannel('input'));
    connection.ontrack = ({ track }) => this.#show(connection, track);
    connection.onconnectionstatechange = () => connection.connectionState === 'failed' && this.#fail(connection);
    await connection.setLocalDescription(await connection.createOffer());
    const answer = await fetch(`/whep?line=${line}`, { method: 'POST', headers: { 'Content-Type': 'application/sdp' }, body: connection.localDescription.sdp });
    if (!answer.ok) throw new Error(await answer.text());
    const place = answer.headers.get('Location');
    const sdp = await answer.text();
    if (connection !== this.#connection) return void fetch(place, { method: 'DELETE' }).catch(() => null);
    this.#place = place;
    await connection.setRemoteDescription({ type: 'answer', sdp });
  }

  #open(connection, channel) {
    channel.onopen = () => {
      if (connection !== this.#connection) return;
      this.#channel = channel;
      this.#hooks.opened();
    };
    channel.onclose = () => this.#fail(connection);
    channel.onmessage = ({ data }) => {
      const message = JSON.parse(data);
      if (message.type === 'refused') this.#hooks.refused(message);
    };
  }

  #show(connection, track) {
    this.#video.srcObject = new MediaStream([track]);
    const next = () => {
      if (connection !== this.#connection) return;
      clearTimeout(this.#patience);
      this.#video.hidden = false;
      this.#hooks.shown(this.#video.videoWidth, this.#video.videoHeight);
      this.#video.requestVideoFrameCallback(next);
    };
    this.#video.requestVideoFrameCallback(next);
    this.#video.play().catch(() => null);
  }

  #fail(connection) {
    if (connection !== this.#connection) return;
    this.stop();
    this.#hooks.unable();
  }
}

/** Browsers know when a picture was captured if they ask for it. */
function askForCaptureTime(transceiver) {
  const extensions = transceiver.getHeaderExtensionsToNegotiate?.() ?? [];
  const captureTime = extensions.find(({ uri }) => uri.endsWith('/abs-capture-time'));
  if (!captureTime) return;
  captureTime.direction = 'recvonly';
  transceiver.setHeaderExtensionsToNegotiate(extensions);
}
