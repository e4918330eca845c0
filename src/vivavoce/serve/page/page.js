// The page: what is typed is asked for, what comes is played, drawn and offered for download.
import { Player, RATE, Recorder, Spectrogram, fault, wav } from "./sound.js";

const $ = (id) => document.getElementById(id);
const player = new Player();
const picture = new Spectrogram($("spectrogram"));
const calm = matchMedia("(prefers-reduced-motion: reduce)");
window.vivavoce = { get peak() { return player.peak; } };

let voices = [], models = [], words = [], asked = null, abort = null, limit = 100000;
let recording = null, consentRecording = null;

const TYPES = { mp3: "audio/mpeg", wav: "audio/wav", flac: "audio/flac", opus: "audio/ogg", aac: "audio/aac", pcm: "audio/pcm" };

// -- the server ----------------------------------------------------------------------------
function headers(more = {}) {
  const key = $("key").value.trim();
  return key ? { Authorization: `Bearer ${key}`, ...more } : more;
}

async function call(path, how = {}) {
  let answer;
  try {
    answer = await fetch(path, { ...how, headers: headers(how.headers) });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The server does not answer. Check that it is running.");
  }
  if (answer.ok) return answer;
  const told = await answer.json().catch(() => null);
  throw new Error(told?.error?.message ?? `The server answered ${answer.status}.`);
}

const post = (path, body, how = {}) =>
  call(path, { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" }, ...how });

// -- state ---------------------------------------------------------------------------------
function state(name, message, facts = {}) {
  const status = $("status");
  status.dataset.state = name;
  status.textContent = message;
  Object.assign(status.dataset, facts);
  const busy = name === "waiting" || name === "playing";
  $("stop").disabled = !busy;
}

function count() {
  const length = [...$("text").value].length;
  $("count").textContent = `${length.toLocaleString("en")} of ${limit.toLocaleString("en")} characters.`;
}

function request() {
  const voice = voices.find((one) => one.id === $("voice").value);
  const body = { model: voice?.model ?? "default", input: $("text").value, voice: $("voice").value || undefined };
  const speed = Number($("speed").value), seed = Number($("seed").value);
  if (speed !== 1) body.speed = speed;
  body.seed = seed;
  if ($("language").value) body.language = $("language").value;
  return body;
}

// -- speaking ------------------------------------------------------------------------------
async function speak(body) {
  stop(false);
  await player.unlock();
  player.clear(); picture.clear(); showWords([]);
  const mine = (abort = new AbortController());
  asked = body;
  $("curl").disabled = false;
  delete $("status").dataset.firstAudioMs;
  delete $("status").dataset.doneMs;
  state("waiting", "Waiting for the first audio…");
  const begin = performance.now();
  try {
    const answer = await post("v1/audio/speech",
      { ...body, response_format: "pcm", stream_format: "sse", timestamps: true }, { signal: mine.signal });
    for await (const event of events(answer.body)) {
      if (mine.signal.aborted) return;
      if (event.type === "speech.audio.delta") hear(event.audio, begin);
      else if (event.type === "speech.audio.words") addWords(event.words);
      else if (event.type === "error") throw new Error(event.error.message);
      else if (event.type === "speech.audio.done") finish(begin);
    }
    if ($("status").dataset.doneMs === undefined) throw new Error("The connection ended too early. Try again.");
  } catch (error) {
    if (mine.signal.aborted) return;
    player.silence();
    state("error", error.message);
  }
}

async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    text += value;
    const parts = text.split("\n\n");
    text = parts.pop();
    for (const part of parts) if (part.startsWith("data: ")) yield JSON.parse(part.slice(6));
  }
}

function hear(base64, begin) {
  const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  const samples = Float32Array.from({ length: bytes.length >> 1 }, (_, i) => view.getInt16(2 * i, true) / 32768);
  if ($("status").dataset.state === "waiting") {
    state("playing", "Speaking…", { firstAudioMs: Math.round(performance.now() - begin) });
  }
  player.push(samples);
  picture.push(samples);
  $("scrub").max = player.seconds;
}

function finish(begin) {
  $("status").dataset.doneMs = Math.round(performance.now() - begin);
  for (const id of ["scrub", "replay", "download"]) $(id).disabled = false;
  const model = models.find((one) => one.id === asked.model);
  $("no-words").hidden = Boolean(words.length) || Boolean(model?.word_times);
  $("spectrogram").setAttribute("aria-label",
    `Spectrogram of ${player.seconds.toFixed(1)} seconds of speech, 0 to 8 kHz: ${asked.input.slice(0, 80)}`);
}

function stop(tell = true) {
  abort?.abort();
  abort = null;
  player.silence();
  if (tell && ["waiting", "playing"].includes($("status").dataset.state)) state("stopped", "Stopped.");
}

function tick() {
  if (player.context) {
    player.measure();
    const at = player.position;
    if ($("status").dataset.state === "playing") {
      if (!calm.matches || !player.playing) picture.draw(player.seconds ? at / player.seconds : 0);
      if (document.activeElement !== $("scrub")) $("scrub").value = at;
      mark(at);
      if (!player.playing && $("status").dataset.doneMs !== undefined) {
        picture.draw(1);
        state("done", `Done: ${player.seconds.toFixed(1)} s.`);
      }
    }
  }
  requestAnimationFrame(tick);
}

// -- words ---------------------------------------------------------------------------------
function showWords(list) {
  words = list;
  $("words").replaceChildren();
  $("no-words").hidden = true;
}

function addWords(list) {
  for (const word of list) {
    const item = document.createElement("li"), button = document.createElement("button");
    button.type = "button";
    button.textContent = word.text;
    button.title = `${word.start.toFixed(2)} s`;
    button.addEventListener("click", () => replay(word.start));
    item.append(button);
    $("words").append(item);
    words.push({ ...word, button });
  }
}

function mark(seconds) {
  for (const word of words) {
    if (word.start <= seconds && seconds < word.end) word.button.setAttribute("aria-current", "true");
    else word.button.removeAttribute("aria-current");
  }
}

async function replay(seconds) {
  await player.unlock();
  player.seek(seconds);
  state("playing", "Speaking…");
}

// -- download ------------------------------------------------------------------------------
async function download() {
  const form = $("format").value;
  try {
    const answer = await post("v1/audio/speech", { ...asked, response_format: form, stream: false });
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([await answer.arrayBuffer()], { type: TYPES[form] }));
    link.download = `speech.${form}`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  } catch (error) {
    state("error", error.message);
  }
}

async function copyCurl() {
  const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
  const form = $("format").value, address = new URL("v1/audio/speech", location.href).href;
  const key = $("key").value ? " -H \"Authorization: Bearer $KEY\"" : "";
  const body = JSON.stringify({ ...asked, response_format: form });
  await navigator.clipboard.writeText(
    `curl ${address}${key} -H 'Content-Type: application/json' -o speech.${form} -d ${quoted(body)}`);
  $("curl").textContent = "Copied";
  setTimeout(() => { $("curl").textContent = "Copy as curl"; }, 2000);
}

// -- voices --------------------------------------------------------------------------------
async function refresh() {
  [models, voices] = await Promise.all(["v1/models", "v1/audio/voices"].map(
    async (path) => (await (await call(path)).json()).data));
  const chosen = $("voice").value;
  $("voice").replaceChildren(...models.map((model) => {
    const group = document.createElement("optgroup");
    group.label = model.id;
    group.append(...voices.filter((one) => one.model === model.id).map((one) => new Option(one.name, one.id)));
    return group;
  }));
  if (voices.some((one) => one.id === chosen)) $("voice").value = chosen;
  $("own-voices").replaceChildren(...voices.filter((one) => one.id.startsWith("voice_")).map(own));
  languages();
}

function languages() {
  const voice = voices.find((one) => one.id === $("voice").value);
  const known = models.find((one) => one.id === voice?.model)?.languages ?? [];
  $("language").replaceChildren(new Option("of the voice", ""), ...known.map((tag) => new Option(tag, tag)));
}

function own(voice) {
  const item = document.createElement("li"), remove = document.createElement("button");
  remove.type = "button";
  remove.textContent = "Delete";
  remove.setAttribute("aria-label", `Delete the voice ${voice.name}`);
  remove.addEventListener("click", async () => {
    await call(`v1/audio/voices/${voice.id}`, { method: "DELETE" });
    await refresh();
  });
  item.append(`${voice.name} `, remove);
  return item;
}

function recorder(button, least, take) {
  let running = null;
  button.addEventListener("click", async () => {
    if (!running) {
      if (!navigator.mediaDevices) return say("Recording needs https, or the address localhost.");
      const one = new Recorder();
      try {
        await one.start((level) => { $("level").value = level; });
      } catch {
        return say("The microphone cannot be used. Allow it in the browser.");
      }
      running = one;
      button.setAttribute("aria-pressed", "true");
      button.textContent = "Stop recording";
      return say("Recording…");
    }
    const samples = await running.stop();
    running = null;
    button.setAttribute("aria-pressed", "false");
    button.textContent = button === $("record") ? "Record" : "Record the consent";
    $("level").value = 0;
    const wrong = fault(samples, least);
    say(wrong || `Recorded ${(samples.length / RATE).toFixed(1)} s.`);
    if (!wrong) take(wav(samples));
  });
}

const say = (message) => { $("voice-status").textContent = message; };

function takeConsent(blob) {
  consentRecording = blob;
  $("consent").disabled = !blob;
  $("consent").checked = false;
}

async function createVoice() {
  if (!recording) return say("Record the voice first, or choose a file.");
  if (!consentRecording || !$("consent").checked) return say("Record the consent, then tick the box.");
  if (!$("voice-name").value.trim()) return say("Give the voice a name.");
  say("Making the voice…");
  try {
    const language = navigator.language || "en";
    const agreed = await (await send("v1/audio/voice_consents",
      { name: $("voice-name").value, language, recording: consentRecording })).json();
    const made = await (await send("v1/audio/voices", { name: $("voice-name").value, consent: agreed.id,
      audio_sample: recording, transcript: $("transcript").value, language })).json();
    await refresh();
    $("voice").value = made.id;
    languages();
    say(`The voice ${made.name} is ready.`);
  } catch (error) {
    say(error.message);
  }
}

function send(path, values) {
  const form = new FormData();
  for (const [name, value] of Object.entries(values)) if (value) form.append(name, value);
  return call(path, { method: "POST", body: form });
}

// -- beginning -----------------------------------------------------------------------------
async function begin() {
  const facts = await (await fetch("x/page.json")).json();
  limit = facts.max_characters;
  $("version").textContent = `Version ${facts.version}.`;
  $("voices-section").hidden = !facts.voice_creation;
  count();
  if (facts.needs_key) {
    $("key-section").hidden = false;
    $("key").value = sessionStorage.getItem("key") ?? "";
    if (!$("key").value) { $("key").focus(); return state("idle", "Give the API key first."); }
  }
  try { await refresh(); state("idle", "Ready."); } catch (error) { state("error", error.message); }
}

$("form").addEventListener("submit", (event) => { event.preventDefault(); speak(request()); });
$("stop").addEventListener("click", () => stop());
$("sample").addEventListener("click", () => speak({ ...request(), input: "This is how I sound." }));
$("text").addEventListener("input", count);
$("voice").addEventListener("change", languages);
$("scrub").addEventListener("input", () => replay(Number($("scrub").value)));
$("replay").addEventListener("click", () => replay(0));
$("download").addEventListener("click", download);
$("curl").addEventListener("click", copyCurl);
$("key").addEventListener("change", async () => {
  sessionStorage.setItem("key", $("key").value.trim());
  try { await refresh(); state("idle", "Ready."); } catch (error) { state("error", error.message); }
});
$("upload").addEventListener("change", () => { recording = $("upload").files[0] ?? null; });
$("upload-consent").addEventListener("change", () => takeConsent($("upload-consent").files[0] ?? null));
$("create-voice").addEventListener("click", createVoice);
recorder($("record"), 3, (blob) => { recording = blob; });
recorder($("record-consent"), 2, takeConsent);
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); speak(request()); }
  else if (event.key === "Escape") stop();
});
begin();
tick();
