// Samples as sound and as picture. Knows no page and no server.

export const RATE = 24000;

/** Plays samples as they come, gapless, and plays them again from anywhere. */
export class Player {
  constructor() {
    this.chunks = [];
    this.length = 0;
    this.sources = new Set();
    this.peak = 0;
  }

  /** Must be called by a click or a key: browsers, iOS above all, allow sound only then. */
  unlock() {
    if (!this.context) {
      const Context = window.AudioContext || window.webkitAudioContext;
      this.context = new Context();
      this.analyser = this.context.createAnalyser();
      this.analyser.fftSize = 2048;
      this.analyser.connect(this.context.destination);
      this.wave = new Float32Array(this.analyser.fftSize);
    }
    return this.context.resume();
  }

  clear() {
    this.silence();
    this.chunks = [];
    this.length = 0;
    this.peak = 0;
  }

  /** New samples: the first begin 100 ms late, so that the next are there in time. */
  push(samples) {
    const at = this.length;
    this.chunks.push({ at, samples });
    this.length += samples.length;
    if (this.zero === undefined) this.zero = this.context.currentTime + 0.1 - at / RATE;
    this.schedule(at, samples);
  }

  schedule(at, samples) {
    if (!samples.length) return;
    const late = this.context.currentTime - (this.zero + at / RATE);
    if (late > 0) this.zero += late; // the server was slower than the listener
    const buffer = this.context.createBuffer(1, samples.length, RATE);
    buffer.copyToChannel(samples, 0);
    const source = this.context.createBufferSource();
    source.buffer = buffer;
    source.connect(this.analyser);
    source.onended = () => this.sources.delete(source);
    source.start(this.zero + at / RATE);
    this.sources.add(source);
  }

  /** Play again from a time in seconds. */
  seek(seconds) {
    this.silence();
    this.zero = this.context.currentTime + 0.05 - seconds;
    const first = Math.round(seconds * RATE);
    for (const { at, samples } of this.chunks) {
      if (at + samples.length <= first) continue;
      const skip = Math.max(0, first - at);
      this.schedule(at + skip, samples.subarray(skip));
    }
  }

  silence() {
    for (const source of this.sources) {
      source.onended = null;
      source.stop();
    }
    this.sources.clear();
    this.zero = undefined;
  }

  get seconds() { return this.length / RATE; }
  get playing() { return this.sources.size > 0; }

  /** Seconds into the speech, now. */
  get position() {
    if (this.zero === undefined) return 0;
    return Math.min(Math.max(0, this.context.currentTime - this.zero), this.seconds);
  }

  /** Measures what sounds now. */
  measure() {
    if (!this.analyser) return;
    this.analyser.getFloatTimeDomainData(this.wave);
    for (const value of this.wave) this.peak = Math.max(this.peak, Math.abs(value));
  }
}

const SIZE = 1024, HOP = 256, BANDS = 80, TOP = 8000;
const mel = (hz) => 2595 * Math.log10(1 + hz / 700);
const hertz = (value) => 700 * (10 ** (value / 2595) - 1);
const edges = Array.from({ length: BANDS + 2 }, (_, i) =>
  Math.round((hertz((mel(TOP) * i) / (BANDS + 1)) * SIZE) / RATE));
const hann = Float32Array.from({ length: SIZE }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / SIZE));

/** Squares of the magnitudes of one frame's spectrum (radix 2, in place). */
function spectrum(frame) {
  const re = Float32Array.from(frame, (value, i) => value * hann[i]);
  const im = new Float32Array(SIZE);
  for (let i = 1, j = 0; i < SIZE; i++) {
    let bit = SIZE >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) [re[i], re[j]] = [re[j], re[i]];
  }
  for (let size = 2; size <= SIZE; size *= 2) {
    const half = size / 2;
    for (let k = 0; k < half; k++) {
      const angle = (-2 * Math.PI * k) / size, cos = Math.cos(angle), sin = Math.sin(angle);
      for (let i = k; i < SIZE; i += size) {
        const j = i + half;
        const r = re[j] * cos - im[j] * sin, m = re[j] * sin + im[j] * cos;
        re[j] = re[i] - r; im[j] = im[i] - m;
        re[i] += r; im[i] += m;
      }
    }
  }
  return re.map((value, i) => value * value + im[i] * im[i]);
}

/** Draws 80 mel bands up to 8 kHz, a column each 11 ms, while samples come. */
export class Spectrogram {
  constructor(canvas) {
    this.canvas = canvas;
    this.store = document.createElement("canvas");
    this.store.height = BANDS;
    this.clear();
  }

  clear() {
    this.store.width = 1024;
    this.frames = 0;
    this.rest = new Float32Array(0);
    this.draw(0);
  }

  push(samples) {
    const all = new Float32Array(this.rest.length + samples.length);
    all.set(this.rest);
    all.set(samples, this.rest.length);
    let start = 0;
    for (; start + SIZE <= all.length; start += HOP) this.column(all.subarray(start, start + SIZE));
    this.rest = all.slice(start);
  }

  column(frame) {
    if (this.frames >= this.store.width) this.grow();
    const power = spectrum(frame), image = new ImageData(1, BANDS);
    for (let band = 0; band < BANDS; band++) {
      let sum = 1e-9;
      const end = Math.max(edges[band] + 1, edges[band + 2]);
      for (let k = edges[band]; k < end; k++) sum += power[k];
      const level = Math.min(1, Math.max(0, (10 * Math.log10(sum) + 45) / 75));
      const at = 4 * (BANDS - 1 - band);
      image.data.set([255 * level ** 1.6, 230 * level ** 1.1, 90 + 120 * level * (1 - level), 255], at);
    }
    this.store.getContext("2d").putImageData(image, this.frames++, 0);
  }

  grow() {
    const wider = document.createElement("canvas");
    wider.width = 2 * this.store.width;
    wider.height = BANDS;
    wider.getContext("2d").drawImage(this.store, 0, 0);
    this.store = wider;
  }

  /** `place` is the playhead, from 0 to 1. */
  draw(place) {
    const { width, height } = this.canvas, brush = this.canvas.getContext("2d");
    brush.fillStyle = "#00005a";
    brush.fillRect(0, 0, width, height);
    if (!this.frames) return;
    brush.drawImage(this.store, 0, 0, this.frames, BANDS, 0, 0, width, height);
    brush.fillStyle = "#ffffff";
    brush.fillRect(Math.round(place * (width - 2)), 0, 2, height);
  }
}

/** Records until `stop`; gives the samples at 24 kHz. */
export class Recorder {
  async start(onLevel) {
    this.stream = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1 } });
    this.context = new AudioContext({ sampleRate: RATE });
    await this.context.audioWorklet.addModule(new URL("capture.js", import.meta.url));
    this.parts = [];
    const node = new AudioWorkletNode(this.context, "capture", { numberOfOutputs: 0 });
    node.port.onmessage = ({ data }) => {
      this.parts.push(data);
      onLevel(data.reduce((most, value) => Math.max(most, Math.abs(value)), 0));
    };
    this.context.createMediaStreamSource(this.stream).connect(node);
  }

  async stop() {
    for (const track of this.stream.getTracks()) track.stop();
    await this.context.close();
    const samples = new Float32Array(this.parts.reduce((n, part) => n + part.length, 0));
    let at = 0;
    for (const part of this.parts) { samples.set(part, at); at += part.length; }
    return samples;
  }
}

/** What is wrong with a recording, or nothing. */
export function fault(samples, least = 3, most = 30) {
  const seconds = samples.length / RATE;
  let sum = 0, clipped = 0;
  for (const value of samples) { sum += value * value; clipped += Math.abs(value) > 0.999; }
  if (seconds < least) return `It lasts ${seconds.toFixed(1)} s; speak for at least ${least} s.`;
  if (seconds > most) return `It lasts ${seconds.toFixed(1)} s; at most ${most} s are used.`;
  if (Math.sqrt(sum / samples.length) < 0.005) return "It is too quiet. Move closer to the microphone.";
  if (clipped > samples.length / 100) return "It is clipped. Speak more quietly or move away.";
  return "";
}

export function wav(samples) {
  const view = new DataView(new ArrayBuffer(44 + 2 * samples.length));
  const letters = (at, text) => [...text].forEach((c, i) => view.setUint8(at + i, c.charCodeAt(0)));
  letters(0, "RIFF"); view.setUint32(4, 36 + 2 * samples.length, true); letters(8, "WAVEfmt ");
  view.setUint32(16, 16, true); view.setUint16(20, 1, true); view.setUint16(22, 1, true);
  view.setUint32(24, RATE, true); view.setUint32(28, 2 * RATE, true); view.setUint16(32, 2, true);
  view.setUint16(34, 16, true); letters(36, "data"); view.setUint32(40, 2 * samples.length, true);
  samples.forEach((value, i) => view.setInt16(44 + 2 * i, Math.max(-1, Math.min(1, value)) * 32767, true));
  return new Blob([view], { type: "audio/wav" });
}
