"""The `harness` command group. Sub-commands are imported when they are called, so that `--help` is quick."""

from __future__ import annotations

from importlib import import_module

import rich_click as click

import harness

# command: (module, attribute, one line of help)
COMMANDS = {
    "devices": ("harness.cli.devices", "devices", "What is attached, and what each device can guarantee."),
    "doctor": ("harness.cli.doctor", "doctor", "Preflight of this host and the phones, each finding with its remedy."),
    "prepare": ("harness.cli.prepare", "prepare_command", "Build and check the variants of a model."),
    "compile-edgetpu": (
        "harness.cli.compile_edgetpu",
        "compile_edgetpu_command",
        "Compile int8 models for the Edge TPU, and what was mapped.",
    ),
    "plan": ("harness.cli.plan", "plan", "The expanded cases of a sweep, without touching a device."),
    "run": ("harness.cli.run", "run", "Run a sweep, live; writes reports/<run>/."),
    "calibrate": ("harness.cli.calibrate", "calibrate", "What a device's noise makes of nothing; kept for verdicts."),
    "restore": ("harness.cli.restore", "restore", "Put back what a crash left changed on phones."),
    "report": ("harness.cli.report", "report", "Write the reports of a run again from the store."),
    "compare": ("harness.cli.compare", "compare", "Compare inside a run, two runs, or two builds measured now."),
    "history": ("harness.cli.history", "history", "The ratio of every series to its reference, night by night."),
    "baseline": ("harness.cli.baseline", "baseline", "Pin the build that nights are measured against; look at it."),
    "nightly": ("harness.cli.nightly", "nightly", "Tonight's builds against the pinned ones, and what is an alarm."),
    "advise": ("harness.cli.advise", "advise_command", "Which variant on which backend, measured or by rule."),
    "inspect": ("harness.cli.inspect", "inspect_command", "Tensors, operators and quantization of a .tflite file."),
    "parse-log": ("harness.cli.parse_log", "parse_log_command", "What a runtime's log says; the parser alone."),
    "fetch-binaries": (
        "harness.cli.fetch_binaries",
        "fetch_binaries",
        "Google's published benchmark tools for phones and Linux.",
    ),
    "schema": ("harness.cli.schema", "schema", "The JSON Schema of the sweep file, for editors."),
    "completion": ("harness.cli.completion", "completion", "Print the shell completion script."),
}


class LazyGroup(click.RichGroup):
    """Lists commands from the table above and imports one only when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, in the order in which a person needs them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """A stand-in that knows only its help line: enough for listing and completion."""
        if cmd_name not in COMMANDS:
            return None
        return click.RichCommand(name=cmd_name, short_help=COMMANDS[cmd_name][2], help=COMMANDS[cmd_name][2])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Replace the stand-in by the real command; a misspelt name gets a suggestion."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from difflib import get_close_matches

            close = get_close_matches(args[0], COMMANDS, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            ctx.fail(f"No such command {args[0]!r}.{hint}")
        name, command, rest = super().resolve_command(ctx, args)
        if name is not None and command is not None:
            module, attribute, _ = COMMANDS[name]
            command = getattr(import_module(module), attribute)
        return name, command, rest


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(harness.__version__, "-V", "--version", prog_name="harness")
def app() -> None:
    """Measure quantized models on real devices, and believe the number.

    Start with `harness plan SWEEP.yaml`, then `harness run SWEEP.yaml`.
    """
