import torch

from vivavoce.nn.noise import Noise


def test_a_row_does_not_depend_on_its_neighbours():
    together = Noise(5, (0, 1, 2)).normal([4, 7, 2], 3)
    alone = Noise(5, (1,)).normal([7], 3)
    assert torch.equal(together[1], alone[0])
    assert not together[0, :, 4:].any()


def test_a_longer_row_begins_like_a_shorter_one():
    short, long = Noise(1).normal([3], 2), Noise(1).normal([9], 2)
    assert torch.equal(short[0], long[0, :, :3])


def test_seeds_and_rows_differ():
    draws = [Noise(s, (r,)).normal([8], 4) for s in (0, 1) for r in (0, 1)]
    assert all(not torch.equal(a, b) for i, a in enumerate(draws) for b in draws[:i])
