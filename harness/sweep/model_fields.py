"""The keys of a sweep file that say which models in which variants, and on which data they are scored."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)
from pydantic.config import JsonDict
from typing_extensions import Self

from harness.errors import UsageError
from harness.sweep.field_types import KEY, Slug, Strict, Text, problem, shape_of
from harness.sweep.findings import printable, suggestion
from harness.variants import MODES, TECHNIQUES, parse_variant

WEIGHTS = ("imagenet", "random")
Reader = Literal["imagenet", "wflw", "ibug", "librispeech", "coco", "squad", "ade20k", "voc", "npz", "function"]
TaskName = Literal[
    "classification",
    "landmarks",
    "regression",
    "segmentation",
    "detection",
    "speech",
    "question_answering",
    "custom",
]
Converter = Literal["tensorflow", "ai-edge-quantizer"]


def _variant(value: str) -> str:
    try:
        return parse_variant(value).name
    except UsageError as error:
        raise problem(f"{error.what}; allowed: {error.remedy.removesuffix('.')}") from None


def _recipe_name(value: str, info: ValidationInfo) -> str:
    known = sorted((info.context or {}).get("known_models", ()))
    if value in known:
        return value
    allowed = f"allowed: {', '.join(known) or 'no recipe is installed'}, or {{file: PATH}}"
    hint = suggestion(value, known)
    if not hint and ("/" in value or value.endswith((".tflite", ".keras", ".py"))):
        hint = f"; did you mean {{file: {printable(value)}}}?"
    raise problem(f"unknown model '{printable(value)}'; {allowed}{hint}")


def _weights(value: str) -> str:
    hint = suggestion(value, WEIGHTS) if value not in WEIGHTS and "/" not in value and "." not in value else ""
    if hint:
        raise problem(f"unknown weights '{printable(value)}'; allowed: imagenet, random, or a path{hint}")
    return value


# An editor completes the plain names; a technique may be followed by + and a mode.
_VARIANT_SCHEMA: JsonDict = {
    "anyOf": [
        {"enum": [*MODES, *TECHNIQUES]},
        {"type": "string", "pattern": rf"^({'|'.join(TECHNIQUES)})\+({'|'.join(MODES)})$"},
    ]
}
VariantName = Annotated[str, AfterValidator(_variant), WithJsonSchema(_VARIANT_SCHEMA)]
RecipeName = Annotated[str, AfterValidator(_recipe_name)]
OptionKey = Annotated[str, Field(pattern=KEY, max_length=128)]


class DataOptions(Strict):
    """A data set to score the model on."""

    reader: Reader = Field(description="The kind of data set.")
    path: Text = Field(description="Where it lies, relative to the sweep file; for function, path.py:name.")
    options: dict[OptionKey, Text] = Field({}, description="What the reader needs further; see docs/accuracy.md.")


class TaskOptions(Strict):
    """What the outputs are scored on, where the recipe does not say it or says otherwise."""

    name: TaskName = Field(description="The task.")
    options: dict[OptionKey, Text] = Field({}, description="Its settings; see docs/accuracy.md.")


class ModelMapping(Strict):
    """A model file, or a recipe with options."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["file"]}, {"required": ["recipe"]}]})

    file: Text = Field(
        "", description="A .tflite or .keras file, SavedModel folder or recipe .py, relative to the sweep file."
    )
    recipe: RecipeName = Field("", description="The name of a recipe.")
    name: Slug = Field("", description="What to call the model in results; the recipe's name or the file's stem.")
    weights: Annotated[Text, AfterValidator(_weights)] = Field(
        "",
        description="Weights of the recipe: imagenet, random, or a path relative to the sweep file.",
    )
    options: dict[OptionKey, Text] = Field({}, description='Further options of the recipe, such as points: "68".')
    data: DataOptions | None = Field(None, description="The data set to score it on, instead of the recipe's own.")
    task: TaskOptions | None = Field(None, description="What its outputs are scored on.")
    preprocess: dict[OptionKey, Text] = Field(
        {}, description='How raw data becomes inputs, such as mean: "127.5"; the recipe\'s own when absent.'
    )
    representative: Text = Field("", description="An .npy or .npz with calibration samples for a model file.")
    keep_float: list[Text] = Field(
        [], description="Operators (SOFTMAX) or parts of layer names that quantized variants keep in float."
    )
    technique: dict[OptionKey, Text] = Field({}, description="How techniques train: sparsity, clusters, epochs.")
    converter: Converter | None = Field(
        None, description="Which converter makes the variants; the better one when absent."
    )

    @model_validator(mode="after")
    def _file_or_recipe(self) -> Self:
        if bool(self.file) == bool(self.recipe):
            raise problem("a model is either a file or a recipe; allowed: {file: PATH} or {recipe: NAME}")
        if self.weights and self.file and not self.file.endswith(".py"):
            raise problem("a model file carries its weights; weights goes with recipe", "weights")
        if self.representative and not (self.file and not self.file.endswith(".py")):
            raise problem(
                "a recipe brings its own calibration samples; representative goes with file", "representative"
            )
        return self


ModelEntry = Annotated[
    Annotated[RecipeName, Tag("<name>")] | Annotated[ModelMapping, Tag("<mapping>")], Discriminator(shape_of)
]
