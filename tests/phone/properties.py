"""The properties of a phone, as build.prop has them."""

from __future__ import annotations

from tests.phone.soc import Soc

RELEASES = {
    26: "8.0.0",
    27: "8.1.0",
    28: "9",
    29: "10",
    30: "11",
    31: "12",
    32: "12",
    33: "13",
    34: "14",
    35: "15",
    36: "16",
}
MACHINES = {"x86_64": "x86_64", "arm64-v8a": "aarch64"}


def build_prop(model: str, soc: Soc, abi: str, sdk: int, serial_no: str) -> str:
    """Lines `NAME=VALUE`."""
    release = RELEASES[sdk]
    values = {
        "ro.product.brand": "google",
        "ro.product.manufacturer": "Virtual",
        "ro.product.model": model,
        "ro.product.name": "vphone",
        "ro.product.device": "vphone",
        "ro.product.board": "vphone",
        "ro.product.cpu.abi": abi,
        "ro.product.cpu.abilist": abi,
        "ro.product.cpu.abilist64": abi,
        "ro.board.platform": "vphone",
        "ro.hardware": "qcom",
        "ro.soc.manufacturer": soc.manufacturer,
        "ro.soc.model": soc.name,
        "ro.build.version.sdk": str(sdk),
        "ro.build.version.release": release,
        "ro.build.version.security_patch": "2026-10-05",
        "ro.build.fingerprint": f"google/vphone/vphone:{release}/VP1A.261005.007/0000001:user/release-keys",
        "ro.build.id": "VP1A.261005.007",
        "ro.build.type": "user",
        "ro.debuggable": "0",
        "ro.secure": "1",
        "ro.serialno": serial_no,
        "sys.boot_completed": "1",
        "phone.machine": MACHINES[abi],
        "phone.kernel": "5.4.210-qgki-g0123456789ab",
    }
    return "".join(f"{name}={value}\n" for name, value in values.items())
