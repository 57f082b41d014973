"""What we make of a tool's function is what the SDK makes of it, but for unknown arguments and noise."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from mcp.server.mcpserver.tools import Tool
from mcp_types import CallToolResult, ToolAnnotations
from pydantic import BaseModel

from mcp_server import toolbox
from mcp_server.making import make
from mcp_server.schema import flat, lean
from mcp_server.tools import MODULES

HINTS = ToolAnnotations()


@pytest.mark.parametrize(
    "module", MODULES, ids=lambda module: module.__name__.removeprefix("mcp_server.tools.")
)
def test_a_tool_is_the_one_that_the_sdk_makes(module: Any) -> None:
    for made in toolbox.Toolbox([module]).tools:
        theirs = Tool.from_function(made.fn, title=made.title, description=made.description, meta=made.meta)
        arguments = theirs.fn_metadata.arg_model
        arguments.model_config["extra"] = "forbid"
        arguments.model_rebuild(force=True)
        assert made.parameters == flat(lean(arguments.model_json_schema(by_alias=True)))
        assert made.output_schema == (flat(lean(theirs.output_schema)) if theirs.output_schema else None)
        assert made.fn_metadata.output_model is theirs.fn_metadata.output_model
        assert made.fn_metadata.wrap_output is theirs.fn_metadata.wrap_output is False
        for same in ("name", "is_async", "context_kwarg", "resolved_params", "description"):
            assert getattr(made, same) == getattr(theirs, same), same
        assert made.resolver_plans.keys() == theirs.resolver_plans.keys()
        ours, wanted = made.fn_metadata.arg_model.model_fields, arguments.model_fields
        assert [(name, repr(field)) for name, field in ours.items()] == [
            (name, repr(field)) for name, field in wanted.items()
        ]


async def test_a_function_that_the_short_way_does_not_know_is_refused() -> None:
    class Said(BaseModel):
        text: str

    async def plain() -> Said:
        raise NotImplementedError

    async def shadow(copy: str) -> Annotated[CallToolResult, Said]:
        raise NotImplementedError

    plain.__annotations__, shadow.__annotations__["return"] = (
        {"return": Said},
        Annotated[CallToolResult, Said],
    )
    with pytest.raises(TypeError, match=r"plain must return Annotated\[CallToolResult, Model\]"):
        make(plain, title="", description="", annotations=HINTS, meta=None)
    with pytest.raises(TypeError, match="shadow can't have an argument called copy"):
        make(shadow, title="", description="", annotations=HINTS, meta=None)
