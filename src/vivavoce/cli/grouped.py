"""Help in groups, and hints for flags of other programs: `cls=Grouped` for a command."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand

from vivavoce.errors import UsageError

ELSEWHERE = {
    "--ref_audio": "--ref", "--ref_text": "--transcript", "--gen_text": "TEXT",
    "--gen_file": "--file", "--nfe_step": "--steps", "--cfg_strength": "--guidance",
    "--cfg-strength": "--guidance", "--sway_sampling_coef": "--sway", "-c": "--cast",
    "--output_dir": "--output", "--output_file": "--output", "--text": "TEXT",
    "--out_path": "--output", "--speaker_wav": "--ref", "--speaker_idx": "--voice",
    "--language_idx": "--language", "--model_name": "--model", "--vocoder_name": "--vocoder",
    "--use_cuda": "--device cuda", "--remove_silence": "--sentence-silence 0",
    "--remove-silence": "--sentence-silence 0", "--load_vocoder_from_local": "--vocoder",
}  # fmt: skip
"""Flags of `f5-tts_infer-cli` and `tts`, and ours."""


ORDER = (
    "Arguments", "List", "Text", "Voice", "Scores", "Output", "Model options", "Advanced", "Other",
)  # fmt: skip


class Grouped(TyperCommand):
    """Shows options under their `rich_help_panel`, in a fixed order of groups."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        groups: dict[str, list[tuple[str, str]]] = {name: [] for name in ORDER}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None:
                panel = getattr(parameter, "rich_help_panel", None) or "Other"
                argument = parameter.param_type_name == "argument"
                groups["Arguments" if argument else panel].append(record)
        for title, records in groups.items():
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Raises UsageError that names our flag for one of another program."""
        own = {name for parameter in self.params for name in parameter.opts}
        for argument in args[: args.index("--")] if "--" in args else args:
            name = argument.partition("=")[0]
            if name in ELSEWHERE and name not in own:
                raise UsageError(f"{name} is not a flag of vivavoce.", f"Use {ELSEWHERE[name]}.")
        return super().parse_args(ctx, args)
