import io

import numpy as np

from vivavoce.audio.encode import BLOCK, FileEncoder, WavStream, open_encoder, to_int16
from vivavoce.audio.formats import FORMATS
from vivavoce.audio.sink import Sink


def test_sixteen_bits_round_to_nearest_and_do_not_wrap():
    values = np.array([-1.0, 0.0, 0.4 / 32768, 0.6 / 32768, 1.0], np.float32)
    assert to_int16(values).tolist() == [-32768, 0, 0, 1, 32767]


def test_wav_is_streamed_only_where_the_header_cannot_be_corrected():
    class Pipe:
        def write(self, data):
            return len(data)

    assert isinstance(open_encoder(FORMATS["wav"], Sink(Pipe()), 24000), WavStream)
    assert isinstance(open_encoder(FORMATS["wav"], Sink(io.BytesIO()), 24000), FileEncoder)


def test_a_long_call_is_cut_for_the_vorbis_encoder(monkeypatch):
    encoder = FileEncoder(FORMATS["ogg"], Sink(io.BytesIO()), 24000)
    seen = []
    monkeypatch.setattr(encoder._file, "write", lambda block: seen.append(len(block)))
    encoder.write(np.zeros(3 * BLOCK + 5, np.float32))
    assert seen == [BLOCK, BLOCK, BLOCK, 5]


def test_raw_samples_are_sixteen_bits_little_endian():
    stream = io.BytesIO()
    encoder = open_encoder(FORMATS["pcm"], Sink(stream), 24000)
    encoder.write(np.array([0.0, 0.5, -1.0], np.float32))
    encoder.close()
    assert stream.getvalue() == b"\x00\x00\x00\x40\x00\x80"
