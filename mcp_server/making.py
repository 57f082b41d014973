"""The SDK's tool of one of our functions: every hint read once, every model and every schema made once.

`Tool.from_function` reads the hints four times, makes a schema of the arguments that would have to be made
again without what is not allowed here, and looks up a serializer for each default: a fifth of a start.
`tests/mcp_server/test_making.py` holds what is made here to what the SDK makes.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from mcp.server.mcpserver.resolve import build_resolver_plans, find_resolved_parameters
from mcp.server.mcpserver.tools import Tool
from mcp.server.mcpserver.utilities.context_injection import find_context_parameter
from mcp.server.mcpserver.utilities.func_metadata import ArgModelBase, FuncMetadata, StrictJsonSchema
from mcp_types import CallToolResult, InputRequiredResult, ToolAnnotations
from pydantic import BaseModel, ConfigDict, create_model

from mcp_server.schema import flat, lean

_PLAIN = (str, bool, int, float, type(None))


class Arguments(ArgModelBase):
    """The arguments of a tool; one that it does not have is refused."""

    model_config = ConfigDict(extra="forbid")


class Schemas(StrictJsonSchema):
    """JSON Schemas whose plain defaults are what they are, without a serializer for each."""

    def encode_default(self, dft: Any) -> Any:
        """The default as JSON."""
        return dft if type(dft) in _PLAIN else super().encode_default(dft)


def make(
    function: Callable[..., Any],
    *,
    title: str,
    description: str,
    annotations: ToolAnnotations,
    meta: dict[str, Any] | None,
) -> Tool:
    """The tool: unknown arguments refused, both schemas stripped of generated noise.

    The function returns `Annotated[CallToolResult, Model]`, or a bare `CallToolResult`, also with a question
    beside it, where nothing is said of its content. Raises TypeError for one that returns anything else, or
    that has an argument which the model of the arguments can't have.
    """
    hints = get_type_hints(function, include_extras=True)
    # As read: whoever looks at them next, the SDK among them, need not evaluate them again.
    function.__annotations__ = hints
    resolved = find_resolved_parameters(function)
    context = find_context_parameter(function)
    arguments = _arguments(function, hints, {*resolved, context})
    model = _content(function, hints["return"])
    said = flat(lean(model.model_json_schema(schema_generator=Schemas))) if model is not None else None
    return Tool(
        fn=function,
        name=function.__name__,
        title=title,
        description=description,
        parameters=flat(lean(arguments.model_json_schema(schema_generator=Schemas))),
        fn_metadata=FuncMetadata(arg_model=arguments, output_schema=said, output_model=model),
        is_async=True,
        context_kwarg=context,
        resolved_params=resolved,
        resolver_plans=build_resolver_plans(resolved, set(arguments.model_fields)),
        annotations=annotations,
        meta=meta,
    )


def _arguments(
    function: Callable[..., Any], hints: dict[str, Any], injected: set[str | None]
) -> type[Arguments]:
    """The model of what a caller says: every parameter that is not injected."""
    fields: dict[str, Any] = {}
    for name, parameter in inspect.signature(function).parameters.items():
        if name in injected:
            continue
        if hasattr(BaseModel, name):
            raise TypeError(f"{function.__name__} can't have an argument called {name}")
        default = ... if parameter.default is parameter.empty else parameter.default
        fields[name] = (hints[name], default)
    return create_model(f"{function.__name__}Arguments", __base__=Arguments, **fields)


def _content(function: Callable[..., Any], returned: Any) -> type[BaseModel] | None:
    """The model of the structured content, which is the second word of the hint."""
    # A question to the person first (InputRequiredResult, 2026-07-28) has no content of the tool's either.
    if set(get_args(returned) or (returned,)) <= {CallToolResult, InputRequiredResult}:
        return None
    if get_origin(returned) is Annotated:
        result, *others = get_args(returned)
        if result is CallToolResult and len(others) == 1 and issubclass(others[0], BaseModel):
            return others[0]  # type: ignore[no-any-return]
    raise TypeError(f"{function.__name__} must return Annotated[CallToolResult, Model]")
