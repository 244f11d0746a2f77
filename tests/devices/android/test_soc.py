from __future__ import annotations

import pytest

from harness.devices.android.soc import (
    hexagon_architecture,
    hexagon_libraries,
    qnn_libraries,
    soc_name,
    takes_hexagon_delegate,
)


@pytest.mark.parametrize(
    ("model", "board", "hardware", "name"),
    [
        ("SM8650", "pineapple", "qcom", "SM8650"),
        (None, "kalama", "qcom", "SM8550"),
        (None, "sdm845", "qcom", "SDM845"),
        (None, "mt6785", None, "MT6785"),
        (None, None, "mt6877", "MT6877"),
        (None, "universal9820", "exynos9820", "EXYNOS9820"),
        (None, "shiba", "shiba", None),
        (None, None, None, None),
    ],
)
def test_the_chips_name(model: str | None, board: str | None, hardware: str | None, name: str | None) -> None:
    assert soc_name(model, board, hardware) == name


@pytest.mark.parametrize(
    ("soc", "architecture", "old_delegate"),
    [
        ("SM8850", 81, False),
        ("SM8750", 79, False),
        ("SM8650", 75, False),
        ("SM8650-AC", 75, False),
        ("SM8550P", 73, False),
        ("sm8475", 69, False),
        ("QCM6490", 68, False),
        ("SM8250", 66, False),
        ("QRB5165", 66, True),
        ("SM8150", 66, True),
        ("SDM845", 65, True),
        ("MSM8998", 62, True),
        ("SXR1230P", 73, False),
        ("Tensor G3", None, False),
        ("", None, False),
        (None, None, False),
    ],
)
def test_hexagon(soc: str | None, architecture: int | None, old_delegate: bool) -> None:
    assert hexagon_architecture(soc) == architecture
    assert takes_hexagon_delegate(soc) is old_delegate


def test_the_files_that_belong_to_an_architecture() -> None:
    assert {"libQnnHtpV75Stub.so", "libQnnHtpV75Skel.so", "libQnnHtpPrepare.so"} < set(qnn_libraries(75))
    assert {"libQnnDspV66Stub.so", "libQnnDspV66Skel.so"} < set(qnn_libraries(66))
    assert not any("Htp" in name for name in qnn_libraries(66))
    assert hexagon_libraries(65) == ("libhexagon_interface.so", "libhexagon_nn_skel_v65.so")
    assert hexagon_libraries(62) == ("libhexagon_interface.so", "libhexagon_nn_skel.so")
