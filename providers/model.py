"""What the answers of every upstream are read into: tolerant models, reduced to what a tool needs."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, model_validator

from providers.base import Unavailable
from providers.http import Answer


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


Text = Annotated[str, BeforeValidator(_text)]
"""Text; anything else an upstream sends in its place is empty."""


class Model(BaseModel):
    """An upstream's object, reduced to what a tool needs. Null means absent, and null items are dropped."""

    model_config = ConfigDict(frozen=True, extra="ignore", validate_by_name=True, validate_by_alias=True)

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        present = {name: value for name, value in data.items() if value is not None}
        return {
            name: [item for item in value if item is not None] if isinstance(value, list) else value
            for name, value in present.items()
        }


M = TypeVar("M", bound=Model)


def read(model: type[M], answer: Answer) -> M:
    """The answer as `model`. Raises Unavailable; pydantic's own error would quote the answer."""
    try:
        return model.model_validate(answer.json())
    except ValidationError:
        raise Unavailable(answer.provider, answer.operation, "unreadable answer") from None
