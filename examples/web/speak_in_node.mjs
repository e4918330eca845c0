// Speak under Node with the same code as the page: no Python, no torch.
//
// vivavoce models export kathleen --as sherpa -o kathleen-sherpa
// npm install onnxruntime-web
// node examples/web/speak_in_node.mjs kathleen-sherpa "Good evening." hello.wav

import { readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { loadVoice } from "./voice.mjs";

const [folder, text, path, noise = "0.2"] = process.argv.slice(2);
const ort = createRequire(import.meta.url)("onnxruntime-web");
ort.env.wasm.numThreads = 1;
const voice = await loadVoice(ort, (name) => readFile(join(folder, name)));
const { samples, unknown } = await voice.speak(text, { noise: Number(noise) });
if (unknown.length) console.error(`left out: ${unknown.join(", ")}`);
await writeFile(path, wav(samples, voice.sampleRate));
console.log(`${path}: ${(samples.length / voice.sampleRate).toFixed(2)} s`);

/** Mono, 32-bit floats. */
function wav(samples, sampleRate) {
  const bytes = Buffer.alloc(44 + 4 * samples.length);
  bytes.write("RIFF", 0);
  bytes.writeUInt32LE(bytes.length - 8, 4);
  bytes.write("WAVEfmt ", 8);
  bytes.writeUInt32LE(16, 16);
  bytes.writeUInt16LE(3, 20);
  bytes.writeUInt16LE(1, 22);
  bytes.writeUInt32LE(sampleRate, 24);
  bytes.writeUInt32LE(4 * sampleRate, 28);
  bytes.writeUInt16LE(4, 32);
  bytes.writeUInt16LE(32, 34);
  bytes.write("data", 36);
  bytes.writeUInt32LE(4 * samples.length, 40);
  samples.forEach((sample, place) => bytes.writeFloatLE(sample, 44 + 4 * place));
  return bytes;
}
