"""The same app with the suite's tools, prompts and resources on board. Valet's only resources are pages."""

from __future__ import annotations

import base64
import json
from typing import Annotated, ClassVar

from mcp.server.mcpserver.prompts.base import UserMessage
from mcp_types import (
    Completion,
    CompletionArgument,
    CompletionContext,
    ElicitResult,
    ImageContent,
    InputRequiredResult,
    PromptReference,
    ResourceTemplateReference,
)
from pydantic import Field

from mcp_server.app import McpApp, build
from mcp_server.house import House
from mcp_server.ladder import Ladder
from mcp_server.schema import lean
from mcp_server.server import ValetServer
from mcp_server.toolbox import Toolbox
from mcp_server.tools import MODULES
from tests.conformance import tools
from tests.conformance.tools import PNG, WIDE, Ctx, ask, embedded, form


class Everything(ValetServer):
    """Valet's server, which here has prompts, completions and more resources too."""

    absent: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, house: House, toolbox: Toolbox, ladder: Ladder) -> None:
        wide = toolbox.find("json_schema_2020_12_tool")
        assert wide is not None
        wide.tool.parameters = lean(WIDE)
        super().__init__(house, toolbox, ladder)
        self._offer_prompts()
        self._offer_resources()

    def _offer_prompts(self) -> None:
        @self.prompt()
        def test_simple_prompt() -> str:
            """One sentence."""
            return "This is a simple prompt for testing."

        @self.prompt()
        def test_prompt_with_arguments(
            arg1: Annotated[str, Field(description="First")],
            arg2: Annotated[str, Field(description="Second")],
        ) -> str:
            """A sentence with two arguments in it."""
            return f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'"

        @self.prompt()
        def test_prompt_with_embedded_resource(
            resourceUri: Annotated[str, Field(description="Which resource")],  # noqa: N803 - the suite's word
        ) -> list[UserMessage]:
            """A resource, and what to do with it."""
            return [
                UserMessage(embedded(resourceUri, "text/plain", "Embedded resource content for testing.")),
                UserMessage("Please process the embedded resource above."),
            ]

        @self.prompt()
        def test_prompt_with_image() -> list[UserMessage]:
            """An image, and what to do with it."""
            return [
                UserMessage(ImageContent(data=PNG, mime_type="image/png")),
                UserMessage("Please analyze the image above."),
            ]

        @self.prompt()
        def test_input_required_result_prompt(context: Ctx) -> str | InputRequiredResult:
            """A sentence with what the person says in it."""
            given = (context.input_responses or {}).get("user_context")
            if isinstance(given, ElicitResult) and given.content:
                return f"Use this: {given.content['context']}"
            return ask(user_context=form("What context should the prompt use?", "context"))

        @self.completion()
        async def complete(
            ref: PromptReference | ResourceTemplateReference,
            argument: CompletionArgument,
            context: CompletionContext | None,
        ) -> Completion:
            known = ("paris", "park", "party")
            values = [value for value in known if value.startswith(argument.value)]
            return Completion(values=values, total=len(values), has_more=False)

    def _offer_resources(self) -> None:
        @self.resource("test://static-text", mime_type="text/plain")
        def static_text() -> str:
            """A text."""
            return "This is the content of the static text resource."

        @self.resource("test://static-binary", mime_type="image/png")
        def static_binary() -> bytes:
            """An image."""
            return base64.b64decode(PNG)

        @self.resource("test://template/{id}/data", mime_type="application/json")
        def template(id: str) -> str:
            """Data of any id."""
            return json.dumps({"id": id, "templateTest": True, "data": f"Data for ID: {id}"})


def build_everything(house: House) -> McpApp:
    """What `mcp_server.app.build` builds, with the fixtures beside the tools of the product."""
    return build(house, Toolbox([*MODULES, tools]), Everything)
