// A client of an RFB server, which takes rectangles with the page's own reader (RFC 6143).

import { once } from 'node:events';
import { connect } from 'node:net';

import { Bytes } from '../../src/bin/kvm-server/page/bytes.js';
import { Malformed } from '../../src/bin/kvm-server/page/inflate.js';
import { readRect } from '../../src/bin/kvm-server/page/rects.js';

/** 32 bits, depth 24, least significant byte first, blue in the lowest byte. */
const PIXEL_FORMAT = Buffer.from([32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0]);

export class RfbClient {
  #socket;
  #buffer = Buffer.alloc(0);
  #came = () => {};
  width = 0;
  height = 0;

  /** Connects to a server without security, and asks for these encodings. */
  static async connect(port, encodings) {
    const client = new RfbClient();
    client.#socket = connect(port, '127.0.0.1');
    await once(client.#socket, 'connect');
    client.#socket.on('data', (chunk) => {
      client.#buffer = Buffer.concat([client.#buffer, chunk]);
      client.#came(true);
    });
    client.#socket.write(await client.#read(12));
    const [types] = await client.#read(1);
    if (![...(await client.#read(types))].includes(1)) throw new Error('the server wants security');
    client.#socket.write(Buffer.from([1]));
    if ((await client.#read(4)).readUInt32BE()) throw new Error('the server refuses');
    client.#socket.write(Buffer.from([1]));
    const init = await client.#read(24);
    [client.width, client.height] = [init.readUInt16BE(0), init.readUInt16BE(2)];
    await client.#read(init.readUInt32BE(20));
    client.#socket.write(Buffer.concat([Buffer.from([0, 0, 0, 0]), PIXEL_FORMAT]));
    const list = Buffer.alloc(4 + 4 * encodings.length);
    list.writeUInt8(2, 0);
    list.writeUInt16BE(encodings.length, 2);
    encodings.forEach((encoding, index) => list.writeInt32BE(encoding, 4 + 4 * index));
    client.#socket.write(list);
    return client;
  }

  /** Asks for an update of the whole screen, of what changed or of everything. */
  ask(onlyChanges) {
    const request = Buffer.alloc(10);
    request.writeUInt8(3, 0);
    request.writeUInt8(onlyChanges ? 1 : 0, 1);
    request.writeUInt16BE(this.width, 6);
    request.writeUInt16BE(this.height, 8);
    this.#socket.write(request);
  }

  /** The rectangles of the next update, or null when none comes within that time. */
  async update(milliseconds) {
    const head = await this.#read(4, milliseconds);
    if (!head) return null;
    if (head[0] !== 0) throw new Error(`a message of type ${head[0]}`);
    const rects = [];
    for (let left = head.readUInt16BE(2); left > 0; left -= 1) rects.push(await this.#rect());
    return rects;
  }

  close() {
    this.#socket.destroy();
  }

  async #rect() {
    for (;;) {
      const bytes = new Bytes(this.#buffer);
      try {
        const rect = readRect(bytes, this.width, this.height);
        this.#buffer = this.#buffer.subarray(this.#buffer.length - bytes.left);
        return rect;
      } catch (error) {
        if (!(error instanceof Malformed) || !/cut short/.test(error.message)) throw error;
        if (!(await this.#more())) throw new Error('an update is not told to its end');
      }
    }
  }

  async #read(length, milliseconds) {
    while (this.#buffer.length < length) {
      if (!(await this.#more(milliseconds))) return null;
    }
    const bytes = this.#buffer.subarray(0, length);
    this.#buffer = this.#buffer.subarray(length);
    return bytes;
  }

  /** Whether more came within that time. */
  async #more(milliseconds = 10000) {
    let timer;
    const came = new Promise((done) => {
      this.#came = done;
      timer = setTimeout(done, milliseconds, false);
    });
    try {
      return await came;
    } finally {
      clearTimeout(timer);
    }
  }
}
