// What mp4box.js reads in a file: `node mp4box.mjs FOLDER-OF-THE-PACKAGE FILE` prints a line for each sample: coding, time,
// duration, whether decoding can start there, and its text, or its size if it is none.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [folder, path] = process.argv.slice(2);
const { createFile, Log } = await import(pathToFileURL(join(folder, 'dist/mp4box.all.mjs')));
Log?.setLogLevel?.(Log.LOG_LEVEL_ERROR);

const file = createFile(true);
const codecs = new Map();
file.onError = (module, message) => { throw new Error(`${module}: ${message}`); };
file.onReady = (info) => {
  for (const { id, codec } of info.tracks) {
    codecs.set(id, codec);
    file.setExtractionOptions(id, undefined, { nbSamples: 1 });
  }
  file.start();
};
file.onSamples = (id, _, samples) => {
  const codec = codecs.get(id);
  for (const { cts, duration, is_sync, data } of samples) {
    const text = () => JSON.stringify(new TextDecoder('utf-8', { fatal: true }).decode(data));
    console.log(codec, cts, duration, is_sync, codec === 'mett' ? text() : data.length);
  }
};

const bytes = readFileSync(path);
const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
buffer.fileStart = 0;
file.appendBuffer(buffer, true);
file.flush();
