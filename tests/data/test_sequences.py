import pytest
import torch

from lmcore.data.errors import DataError
from lmcore.data.sequences import Windows


@pytest.mark.parametrize("kind", [torch.uint8, torch.int32])
def test_what_is_predicted_is_the_same_window_one_token_later(kind: torch.dtype) -> None:
    windows = Windows(torch.arange(100).to(kind), 8)
    x, y = windows.at(torch.tensor([0, 40, 91]))
    assert x.dtype == y.dtype == torch.int64
    assert x[0].tolist() == [0, 1, 2, 3, 4, 5, 6, 7]
    assert y[0].tolist() == [1, 2, 3, 4, 5, 6, 7, 8]
    assert torch.equal(y, x + 1)
    assert int(y[2, -1]) == 99


@pytest.mark.parametrize(("tokens", "positions", "count"), [(9, 1, 1), (10, 2, 1), (17, 9, 2), (100, 92, 12)])
def test_windows_are_counted(tokens: int, positions: int, count: int) -> None:
    windows = Windows(torch.zeros(tokens, dtype=torch.uint8), 8)
    assert (windows.positions, windows.count) == (positions, count)
    windows.at(torch.tensor([positions - 1, (count - 1) * 8]))
    with pytest.raises(IndexError):
        windows.at(torch.tensor([positions]))


def test_a_text_shorter_than_a_window_is_refused() -> None:
    with pytest.raises(DataError, match=r"9, but the text has 8: use a longer text or a smaller model\.context_length"):
        Windows(torch.zeros(8, dtype=torch.uint8), 8)
