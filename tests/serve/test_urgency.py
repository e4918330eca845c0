"""A newcomer's first window comes before the later ones of those who are well ahead."""

from __future__ import annotations

from tests.tiny import tiny_tts
from vivavoce.errors import VivavoceError

LONG = "A sentence that is long enough to be decoded in several windows, one after the other. " * 2


def test_a_session_decodes_the_windows_it_is_told_to():
    tts = tiny_tts()
    request = tts.request(stream=True)
    whole = {}
    for chosen in (lambda due: due, lambda due: due[:1], lambda due: due[-1:]):
        session = tts.session()
        handles = [session.add(next(iter(tts.plan(LONG, request))), request) for _ in range(2)]
        pieces = {handle: [] for handle in handles}
        order = []
        while not session.idle:
            for handle, result in session.step(chosen):
                assert not isinstance(result, VivavoceError)
                pieces[handle].append(result.audio.samples.tobytes())
                order.append(handle)
        for handle in handles:
            found = b"".join(pieces[handle])
            assert whole.setdefault(handle, found) == found
    assert order.index(handles[1]) < len(order) - 1 - order[::-1].index(handles[0])
