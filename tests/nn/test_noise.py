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


def test_uniform_numbers_of_a_row_do_not_depend_on_the_batch():
    together, alone = Noise(5, (0, 1, 2)), Noise(5, (1,))
    drawn = [together.uniform(row, 40) for row in (2, 1, 0)]
    assert torch.equal(drawn[1], alone.uniform(0, 40))
    assert torch.equal(together.uniform(1, 7), alone.uniform(0, 7)), "and so on"


def test_uniform_numbers_are_spread_over_zero_to_one():
    drawn = Noise(3).uniform(0, 20_000)
    assert drawn.dtype == torch.float32
    assert drawn.min() >= 0
    assert drawn.max() < 1
    counts = torch.histc(drawn, 10, 0, 1)
    assert ((counts - 2000).abs() < 200).all()


def test_more_uniform_numbers_begin_like_fewer():
    long = Noise(1).uniform(0, 605)
    for count in (1, 15, 16, 17, 300):
        assert torch.equal(Noise(1).uniform(0, count), long[:count])
    stream = Noise(1)
    pieces = torch.cat([stream.uniform(0, count) for count in (5, 16, 584)])
    assert torch.equal(pieces, long)


def test_uniform_numbers_differ_by_seed_and_row():
    draws = [Noise(s, (r,)).uniform(0, 9) for s in (0, 1) for r in (0, 1)]
    assert all(not torch.equal(a, b) for i, a in enumerate(draws) for b in draws[:i])
