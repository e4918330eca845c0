import pytest

from vivavoce.models import MODELS


def test_the_table_prefixes_names_and_refuses_others():
    assert "glow.typical" in MODELS.workloads()
    with pytest.raises(Exception, match="glow"):
        MODELS.family("glwo")
