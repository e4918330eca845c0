// A folder of `vivavoce models export --as sherpa` in JavaScript: for pages, and for Node.
// The graph adds both ends, draws the noise and drops the blanks that a mark stands for; it wants a
// blank after every word.

const SAMPLE_RATE = 24000; // of the bundled voices

/** `read(name)` gives a file of the folder as an ArrayBuffer. `ort` is onnxruntime-web. */
export async function loadVoice(ort, read) {
  const text = async (name) => new TextDecoder().decode(await read(name));
  const ids = new Map();
  for (const line of (await text("tokens.txt")).split("\n").filter(Boolean)) {
    const [symbol, id] = line.includes(" ") ? line.split(" ") : [" ", line];
    ids.set(symbol, BigInt(id));
  }
  const lexicon = new Map();
  for (const line of (await text("lexicon.txt")).split("\n").filter(Boolean)) {
    const [word, ...phones] = line.split(" ");
    lexicon.set(word, phones);
  }
  const session = await ort.InferenceSession.create(new Uint8Array(await read("model.onnx")));

  /** The words' ids, and the words that the lexicon lacks. */
  function encode(sentence) {
    const found = [], unknown = [];
    const plain = sentence.toLowerCase().replaceAll("’", "'");
    for (const [part] of plain.matchAll(/[a-z]+(?:'[a-z]+)*|[?!.;:,–—…]/g)) {
      const symbols = ids.has(part) && !lexicon.has(part) ? [part] : lexicon.get(part);
      if (!symbols) unknown.push(part);
      else found.push(...symbols.map((symbol) => ids.get(symbol)));
      if (symbols && lexicon.has(part)) found.push(ids.get(" "));
    }
    return { found, unknown };
  }

  async function speak(sentence, { noise = 0.2, speed = 1 } = {}) {
    const { found, unknown } = encode(sentence);
    const scale = (value) => new ort.Tensor("float32", Float32Array.of(value), [1]);
    const outputs = await session.run({
      x: new ort.Tensor("int64", BigInt64Array.from(found), [1, found.length]),
      x_length: new ort.Tensor("int64", BigInt64Array.of(BigInt(found.length)), [1]),
      noise_scale: scale(noise),
      length_scale: scale(1 / speed),
      noise_scale_w: scale(0),
    });
    return { samples: outputs.samples.data, unknown };
  }

  return { speak, encode, sampleRate: SAMPLE_RATE };
}
