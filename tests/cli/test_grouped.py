"""Help in groups, flags made from the families' options, hints for flags of other programs."""

from __future__ import annotations

import pytest

from vivavoce.cli.grouped import ELSEWHERE, ORDER
from vivavoce.cli.model_flags import flags
from vivavoce.models import MODELS
from vivavoce.options import described


def test_the_help_is_grouped_in_order(cli):
    help_text = cli("speak", "--help").stdout.decode()
    titles = [line[:-1] for line in help_text.splitlines() if line[:-1] in ORDER]
    assert titles == [title for title in ORDER if title in titles]
    assert {"Text", "Voice", "Output", "Model options", "Advanced"} <= set(titles)


@pytest.mark.parametrize("flag", ["--cfg_strength", "--ref_audio=a.wav", "--speaker_wav", "-c"])
def test_a_flag_of_another_program_is_answered_with_ours(cli, flag):
    result = cli("speak", "Hello.", flag, "x")
    assert result.code == 2
    assert ELSEWHERE[flag.partition("=")[0]] in result.err


def test_after_two_dashes_it_is_text(cli, here):
    assert cli("speak", "-o", "a.wav", "--", "--text").code == 0


def test_every_option_of_every_family_has_a_flag():
    known = flags()
    for family in MODELS.names:
        options = MODELS.options(family)
        assert options is not None
        for option in described(options):
            assert option.opt.help, (family, option.name)
            assert option.opt.common or family in known[option.name].families


def test_flags_of_options_do_not_collide_with_the_commands_own(cli):
    help_text = cli("speak", "--help").stdout.decode()
    for flag in flags().values():
        assert help_text.count(f"  {flag.option.flag} ") == 1, flag.option.flag
