"""Which accelerator a system-on-chip has: data.

Sources: the Hexagon architecture by chip from `litert/vendors/qualcomm/supported_soc.csv` of LiteRT and
`backends/qualcomm/serialization/qc_schema.py` of ExecuTorch; the chips of the old Hexagon delegate from
`tflite/delegates/hexagon/README.md` of TensorFlow Lite. Boards (`ro.board.platform`) are Qualcomm's code names as
phones commonly report them. A chip that is not listed is unknown, not unsupported.
"""

from __future__ import annotations

import re

FIRST_HTP = 68
_CHIPS = {
    81: "SM8850 SM8845 SW6100 SAR2230P",
    79: "SM8750 SXR2330P",
    75: "SM8650 QCS8625 QCS8300 QCS8275",
    73: "SM8550 SM8635 SM7675 SM7550 SM7435 SM6450 QCM8550 QCS8550 QCM6690 QCS6690 QCS9100 QCS9075 SC8380XP SSG2115P"
    " SSG2125P SXR1230P SAR2130P SA8255",
    69: "SM8450 SM8475 SM7475 SM7450 SM7425 SXR2230P SXR2250P",
    68: "SM8350 SM7350 SM7325 SM7315 QCM6490 QCS6490 SA8295",
    66: "SM8250 SM8150 SM7250 SM7225 SM7125 SM6375 SM6350 SM6225 SM6150 SM6125 SM4350 SDM865 QRB5165 QCS610 QCS7230",
    65: "SM7150 SDM845 SDA845 SDM710 SDM670",
    62: "MSM8998 APQ8098",
    60: "MSM8996 MSM8996PRO APQ8096 SDM660 SDA660",
}
_HEXAGON = {chip: architecture for architecture, chips in _CHIPS.items() for chip in chips.split()}
# Made for 8-bit models on Hexagon v60 to v66; Snapdragon 865 and later refuse its libraries, the RB5 board takes them.
_OLD_DELEGATE = (
    "MSM8996 MSM8996PRO APQ8096 SDM660 SDA660 MSM8998 APQ8098 SDM670 SDM710 SDM845 SDA845 SM8150 QCS610 QRB5165"
)
_BOARDS = {
    "canoe": "SM8850",
    "sun": "SM8750",
    "pineapple": "SM8650",
    "kalama": "SM8550",
    "taro": "SM8450",
    "lahaina": "SM8350",
    "kona": "SM8250",
    "msmnile": "SM8150",
}
_CHIP_NAME = re.compile(r"(mt|sm|sdm|sda|msm|apq|qcs|qcm|gs|zuma|exynos|s5e|ums|kirin)[0-9a-z]{0,8}")


def soc_name(soc_model: str | None, board: str | None, hardware: str | None = None) -> str | None:
    """The chip's own name: `ro.soc.model` (Android 12 and later), else by the board or hardware name, else None."""
    if soc_model:
        return soc_model
    for name in (board, hardware):
        key = (name or "").lower()
        if key in _BOARDS:
            return _BOARDS[key]
        if _CHIP_NAME.fullmatch(key):
            return key.upper()
    return None


def hexagon_architecture(soc: str | None) -> int | None:
    """75 for Hexagon v75; None for a chip without a known one. From `FIRST_HTP` on it is an HTP, before that a DSP."""
    chip = _plain(soc)
    return None if chip is None else _HEXAGON[chip]


def takes_hexagon_delegate(soc: str | None) -> bool:
    """Whether TensorFlow Lite's old Hexagon delegate was made for this chip."""
    return _plain(soc) in _OLD_DELEGATE.split()


def _plain(soc: str | None) -> str | None:
    """The chip as it is listed: without its speed grade (SM8550-AB, SM8150AC, SM8650P, QCM8550LA)."""
    key = (soc or "").strip().upper().partition("-")[0]
    names = (key, re.sub(r"(A[A-F]|L[AE]|P|U)$", "", key))
    return next((name for name in names if name in _HEXAGON), None)


def qnn_libraries(architecture: int) -> tuple[str, ...]:
    """The files of one QAIRT release that the QNN delegate needs on a phone with this Hexagon."""
    name = f"V{architecture}"
    own: tuple[str, ...]
    if architecture < FIRST_HTP:
        own = ("libQnnDsp.so", f"libQnnDsp{name}Stub.so", f"libQnnDsp{name}Skel.so")
    else:
        own = ("libQnnHtp.so", "libQnnHtpPrepare.so", f"libQnnHtp{name}Stub.so", f"libQnnHtp{name}Skel.so")
    return ("libQnnTFLiteDelegate.so", "libQnnSystem.so", *own)


def hexagon_libraries(architecture: int) -> tuple[str, ...]:
    """The files of one release that the old Hexagon delegate needs: the interface and the skeleton of this Hexagon."""
    suffix = f"_v{architecture}" if architecture >= 65 else ""
    return ("libhexagon_interface.so", f"libhexagon_nn_skel{suffix}.so")
