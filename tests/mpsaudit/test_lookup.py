"""Answers from the tables: an operator, a pasted message, and questions that nothing matches."""

import pytest

from mpsaudit import look_up
from mpsaudit.errors import UsageError
from mpsaudit.rules import RULES


def test_an_operator_by_version():
    answer = look_up("aten::unfold_backward")
    rows = [(row.kind, row.first, row.last) for row in answer.support]
    assert rows[0] == ("missing", "2.3.1", "2.5.1")
    assert rows[1][:2] == ("native", "2.6.0")
    assert "torch.fft.irfft" in answer.remedies[0]
    text = str(answer)
    assert "torch 2.3.1 to 2.5.1: no kernel: raises NotImplementedError" in text
    assert "(the newest known): native kernel" in text


def test_a_name_without_namespace_or_overload_is_enough():
    assert look_up("unfold_backward").support == look_up("aten::unfold_backward").support
    operators = {row.operator for row in look_up("cumsum").support}
    assert operators == {"aten::cumsum"}
    assert (
        look_up("aten::bitwise_left_shift")
        .support[0]
        .operator.startswith("aten::bitwise_left_shift.")
    )


def test_attention_includes_the_rules_of_its_fused_kernel():
    answer = look_up("aten::scaled_dot_product_attention")
    assert any("#184180" in limit.text for limit in answer.limits)
    assert answer.remedies == ()


def test_one_torch_and_one_macos():
    answer = look_up("aten::convolution", torch="2.13.0", macos=("15.5",))
    assert {(row.first, row.last) for row in answer.support} == {("2.13.0", "2.13.0")}
    assert not any("Output channels" in limit.text for limit in answer.limits)
    older = look_up("aten::convolution", torch="2.13.0", macos=("14.4",))
    assert any("Output channels" in limit.text for limit in older.limits)


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (
            "NotImplementedError: The operator 'aten::isneginf.out' is not currently implemented "
            "for the MPS device. If you want this op to be considered",
            "aten::isneginf.out",
        ),
        (
            "The operator 'aten::linalg_svd' is not currently supported on the MPS backend and "
            "will fall back to run on the CPU.",
            "runs on the CPU, with a warning",
        ),
        ("TypeError: Cannot convert a MPS Tensor to float64 dtype as the MPS", "float32"),
        ("failed assertion `A command encoder is already encoding to this command buffer'", "lock"),
        ("Placeholder storage has not been allocated on MPS device!", "--strict"),
        ("RuntimeError: MPS backend out of memory (MPS allocated: 0 bytes", "macOS 15"),
        ("Adaptive pool MPS: input sizes must be divisible by output sizes.", "averaging matrix"),
    ],
)
def test_a_pasted_message(message, words):
    assert words in str(look_up(message))


@pytest.mark.parametrize("rule", [r for r in RULES if r.severity == "error"], ids=lambda r: r.id)
def test_the_message_of_every_rule_is_recognised(rule):
    answer = look_up(f"RuntimeError: {rule.text} (and what follows)")
    assert rule.text.strip() in {limit.text for limit in answer.limits}


def test_what_is_not_recognised():
    with pytest.raises(UsageError, match=r"Did you mean 'aten::unfold_backward'"):
        look_up("aten::unfold_backwards")
    with pytest.raises(UsageError, match="whole message"):
        look_up("segmentation fault, core dumped")
    with pytest.raises(UsageError, match=r"2\.1\.0"):
        look_up("aten::mode", torch="2.1.0")
    with pytest.raises(UsageError, match="macOS"):
        look_up("aten::mode", macos=("16.0",))
