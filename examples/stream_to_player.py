"""Write 16-bit mono samples to standard output while the rest is still being spoken.

python examples/stream_to_player.py < book.txt | aplay -q -t raw -f S16_LE -r 24000 -c 1
"""

import sys

import numpy as np

import vivavoce


def main() -> None:
    tts = vivavoce.load()
    for chunk in tts.stream(sys.stdin.read()):
        samples = np.round(chunk.samples.clip(-1, 1) * 32767).astype("<i2")
        sys.stdout.buffer.write(samples.tobytes())
        sys.stdout.buffer.flush()
        print(f"{chunk.start_s:7.2f} s", *(word.text for word in chunk.words), file=sys.stderr)


if __name__ == "__main__":
    main()
