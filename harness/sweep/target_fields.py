"""The targets of a sweep file: where to run."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Discriminator, Field, Tag

from harness.sweep.field_types import DEVICE, ONE_KEY, OneKey, Strict, Text, shape_of

TargetName = Literal["host", "adb", "edgetpu"]


class AdbSelector(Strict):
    """Which phone. Both keys must agree when both are given; any phone when neither is."""

    serial: Text = Field("", description="The serial number as `adb devices` prints it, quoted.")
    model: Text = Field("", description="The phone's model name, such as Pixel 8.")


class AnySelector(Strict):
    """Equal phones that share the models of the sweep."""

    model: Text = Field("", description="The phones' model name; phones of any model when absent.")
    count: Annotated[int, Field(ge=1, le=1000)] = Field(1, description="How many phones at most.")


class EdgeTpuSelector(Strict):
    """Which Edge TPU."""

    device: str = Field("", pattern=DEVICE, description="Device as libedgetpu names it: usb, pci, usb:0, pci:1, :0.")
    count: Annotated[int, Field(ge=1, le=64)] = Field(
        1, description="How many Edge TPUs at most; each takes some of the models."
    )


class NoOptions(Strict):
    """A mapping without keys: nothing to choose here."""


class TargetMapping(OneKey):
    """A target with a choice of device."""

    model_config = ConfigDict(json_schema_extra=ONE_KEY)  # type: ignore[typeddict-item]

    host: NoOptions | None = Field(None, description="This machine; it takes no options.")
    adb: AdbSelector | None = Field(None, description="An Android phone over adb.")
    any: AnySelector | None = Field(None, description="Several equal phones; each takes some of the models.")
    edgetpu: EdgeTpuSelector | None = Field(None, description="A Coral Edge TPU.")


TargetEntry = Annotated[
    Annotated[TargetName, Tag("<name>")] | Annotated[TargetMapping, Tag("<mapping>")], Discriminator(shape_of)
]
