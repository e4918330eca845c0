from __future__ import annotations

import torch

from mpsaudit.calls import base_name, bind


def test_arguments_have_names_and_defaults():
    call = bind("aten::topk", (torch.ones(4), 2), {"largest": False})
    assert (call["k"], call["dim"], call["largest"], call["sorted"]) == (2, -1, False, True)
    assert base_name("aten::add_.Tensor") == "add_"
    assert len(bind("aten::cat", ([torch.ones(1)] * 3,), {}).tensors) == 3
    assert bind("aten::arange", (3,), {}).first is None
