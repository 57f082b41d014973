"""The tools that the conformance suite calls by name; each does what the scenario's description asks for."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from mcp.server.mcpserver import Context
from mcp.shared.exceptions import MCPError
from mcp_types import (
    MISSING_REQUIRED_CLIENT_CAPABILITY,
    AudioContent,
    CallToolResult,
    ContentBlock,
    CreateMessageRequest,
    CreateMessageRequestParams,
    CreateMessageResult,
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitResult,
    EmbeddedResource,
    ImageContent,
    InputRequest,
    InputRequiredResult,
    ListRootsRequest,
    ListRootsResult,
    SamplingMessage,
    TextContent,
    TextResourceContents,
)
from pydantic import Field

from mcp_server.house import House
from mcp_server.toolbox import tool

Ctx = Context[House, Any]
Answer = CallToolResult | InputRequiredResult

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg=="
WAV = "UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAAAAA=="


def fixture(title: str) -> Any:
    """A tool that everybody may call, and that changes nothing."""
    return tool(
        service=None, title=title, read_only=True, destructive=False, idempotent=True, open_world=False
    )


def said(*blocks: str | ContentBlock) -> CallToolResult:
    return CallToolResult(
        content=[TextContent(text=block) if isinstance(block, str) else block for block in blocks]
    )


def embedded(uri: str, kind: str, text: str) -> EmbeddedResource:
    return EmbeddedResource(resource=TextResourceContents(uri=uri, mime_type=kind, text=text))


# What a result may hold


@fixture("Simple text")
async def test_simple_text() -> CallToolResult:
    """Answers with one text."""
    return said("This is a simple text response for testing.")


@fixture("Image")
async def test_image_content() -> CallToolResult:
    """Answers with an image."""
    return said(ImageContent(data=PNG, mime_type="image/png"))


@fixture("Audio")
async def test_audio_content() -> CallToolResult:
    """Answers with a sound."""
    return said(AudioContent(data=WAV, mime_type="audio/wav"))


@fixture("Embedded resource")
async def test_embedded_resource() -> CallToolResult:
    """Answers with a resource."""
    return said(embedded("test://embedded-resource", "text/plain", "This is an embedded resource content."))


@fixture("Several kinds")
async def test_multiple_content_types() -> CallToolResult:
    """Answers with a text, an image and a resource."""
    return said(
        "Multiple content types test:",
        ImageContent(data=PNG, mime_type="image/png"),
        embedded("test://mixed-content-resource", "application/json", '{"test":"data","value":123}'),
    )


@fixture("Error")
async def test_error_handling() -> CallToolResult:
    """Always fails."""
    raise RuntimeError("This tool intentionally returns an error for testing")


# What would need a stream from the server


@fixture("Logging")
async def test_tool_with_logging(context: Ctx) -> CallToolResult:
    """Logs three times."""
    for sentence in ("Tool execution started", "Tool processing data", "Tool execution completed"):
        await context.info(sentence)
    return said("Tool with logging executed successfully")


@fixture("Logging")
async def test_logging_tool(context: Ctx) -> CallToolResult:
    """Logs once."""
    await context.info("Tool execution")
    return said("logged")


@fixture("Progress")
async def test_tool_with_progress(context: Ctx) -> CallToolResult:
    """Reports its progress."""
    for progress in (0, 50, 100):
        await context.report_progress(progress, 100)
        await asyncio.sleep(0)
    return said("Tool with progress executed successfully")


@fixture("Sampling")
async def test_sampling(prompt: str, context: Ctx) -> CallToolResult:
    """Asks the client's model on a stream."""
    message = SamplingMessage(role="user", content=TextContent(text=prompt))
    result = await context.session.create_message(messages=[message], max_tokens=100)
    return said(f"LLM response: {result.content}")


@fixture("Elicitation")
async def test_elicitation(message: str, context: Ctx) -> CallToolResult:
    """Asks the person on a stream."""
    asked = {name: {"type": "string"} for name in ("username", "email")}
    result = await context.session.elicit_form(message, {"type": "object", "properties": asked})
    return said(f"User response: {result.action}")


@fixture("Elicitation with defaults")
async def test_elicitation_sep1034_defaults(context: Ctx) -> CallToolResult:
    """Asks the person on a stream, with answers filled in."""
    asked = {
        "name": {"type": "string", "default": "John Doe"},
        "age": {"type": "integer", "default": 30},
        "score": {"type": "number", "default": 95.5},
        "status": {"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
        "verified": {"type": "boolean", "default": True},
    }
    result = await context.session.elicit_form("Who are you?", {"type": "object", "properties": asked})
    return said(f"Elicitation completed: action={result.action}, content={result.content}")


@fixture("Elicitation with choices")
async def test_elicitation_sep1330_enums(context: Ctx) -> CallToolResult:
    """Asks the person on a stream to choose."""
    titled = [{"const": f"value{number}", "title": f"Choice {number}"} for number in (1, 2, 3)]
    plain = ["option1", "option2", "option3"]
    asked = {
        "untitledSingle": {"type": "string", "enum": plain},
        "titledSingle": {"type": "string", "oneOf": titled},
        "legacyEnum": {"type": "string", "enum": plain, "enumNames": ["One", "Two", "Three"]},
        "untitledMulti": {"type": "array", "items": {"type": "string", "enum": plain}},
        "titledMulti": {"type": "array", "items": {"anyOf": titled}},
    }
    result = await context.session.elicit_form("Which one?", {"type": "object", "properties": asked})
    return said(f"Elicitation completed: action={result.action}, content={result.content}")


# What a client has to answer before a result comes (MCP 2026-07-28 basic/patterns/mrtr)


def form(message: str, name: str, kind: str = "string") -> ElicitRequest:
    schema = {"type": "object", "properties": {name: {"type": kind}}, "required": [name]}
    return ElicitRequest(params=ElicitRequestFormParams(message=message, requested_schema=schema))


def sample(prompt: str) -> CreateMessageRequest:
    message = SamplingMessage(role="user", content=TextContent(text=prompt))
    return CreateMessageRequest(params=CreateMessageRequestParams(messages=[message], max_tokens=100))


def ask(state: str | None = None, **requests: InputRequest) -> InputRequiredResult:
    return InputRequiredResult(input_requests=requests, request_state=state)


def answered(context: Ctx, name: str, field: str) -> Any:
    """What the person put into that field, or None where they have not been asked yet."""
    given = (context.input_responses or {}).get(name)
    return given.content.get(field) if isinstance(given, ElicitResult) and given.content else None


@fixture("Ask a name")
async def test_input_required_result_elicitation(context: Ctx) -> Answer:
    """Greets the person once it knows their name."""
    name = answered(context, "user_name", "name")
    return said(f"Hello, {name}!") if name else ask(user_name=form("What is your name?", "name"))


@fixture("Ask the model")
async def test_input_required_result_sampling(context: Ctx) -> Answer:
    """Repeats what the client's model says."""
    given = (context.input_responses or {}).get("capital_question")
    if isinstance(given, CreateMessageResult) and isinstance(given.content, TextContent):
        return said(given.content.text)
    return ask(capital_question=sample("What is the capital of France?"))


@fixture("Ask for roots")
async def test_input_required_result_list_roots(context: Ctx) -> Answer:
    """Names the client's roots."""
    given = (context.input_responses or {}).get("client_roots")
    if isinstance(given, ListRootsResult):
        return said(*(str(root.uri) for root in given.roots))
    return ask(client_roots=ListRootsRequest())


@fixture("Remember in between")
async def test_input_required_result_request_state(context: Ctx) -> Answer:
    """Has the client keep what it knows."""
    if answered(context, "confirm", "ok") and context.request_state == "asked":
        return said("state-ok")
    return ask("asked", confirm=form("Please confirm", "ok", "boolean"))


@fixture("Remember in between, guarded")
async def test_input_required_result_tampered_state(context: Ctx) -> Answer:
    """Has the client keep what it knows, and takes nothing else back."""
    return await test_input_required_result_request_state(context)


@fixture("Ask three things")
async def test_input_required_result_multiple_inputs(context: Ctx) -> Answer:
    """Asks the person, the client's model and the client at once."""
    wanted = ("user_name", "greeting", "client_roots")
    if context.request_state == "asked" and set(wanted) <= set(context.input_responses or {}):
        return said("All three came back.")
    return ask(
        "asked",
        user_name=form("What is your name?", "name"),
        greeting=sample("Generate a greeting"),
        client_roots=ListRootsRequest(),
    )


@fixture("Ask twice")
async def test_input_required_result_multi_round(context: Ctx) -> Answer:
    """Asks one thing, then another."""
    state = context.request_state or ""
    if state.startswith("name:") and (colour := answered(context, "step2", "color")):
        return said(f"{state.removeprefix('name:')} likes {colour}.")
    if state == "asked" and (name := answered(context, "step1", "name")):
        return ask(f"name:{name}", step2=form("Step 2: What is your favorite color?", "color"))
    return ask("asked", step1=form("Step 1: What is your name?", "name"))


@fixture("Ask what can be asked")
async def test_input_required_result_capabilities(context: Ctx) -> Answer:
    """Asks only for what the client declared."""
    has = context.client_capabilities
    asked: dict[str, InputRequest] = {}
    if has is not None and has.sampling is not None:
        asked["question"] = sample("Say hello")
    if has is not None and has.elicitation is not None:
        asked["name"] = form("What is your name?", "name")
    return ask(**asked) if asked else said("There is nobody to ask.")


@fixture("Ask within a stream")
async def test_streaming_elicitation(context: Ctx) -> Answer:
    """Asks the person, whatever the transport."""
    return ask(confirm=form("Please confirm", "ok", "boolean"))


@fixture("Needs sampling")
async def test_missing_capability(context: Ctx) -> CallToolResult:
    """Refuses a client whose model cannot be asked."""
    has = context.client_capabilities
    if has is None or has.sampling is None:
        needs = {"requiredCapabilities": {"sampling": {}}}
        raise MCPError(MISSING_REQUIRED_CLIENT_CAPABILITY, "This needs a client with sampling.", needs)
    return said("There is one.")


# Schemas


@fixture("An argument in a header")
async def test_x_mcp_header(
    region: Annotated[str, Field(json_schema_extra={"x-mcp-header": "Region"})],
) -> CallToolResult:
    """Repeats the region."""
    return said(region)


@fixture("JSON Schema 2020-12")
async def json_schema_2020_12_tool() -> CallToolResult:
    """Has the widest of schemas."""
    return said("called")


WIDE = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {
            "$anchor": "addressDef",
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
        }
    },
    "properties": {
        "name": {"type": "string"},
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": {"type": "string", "enum": ["phone", "email"]},
        "phone": {"type": "string"},
        "email": {"type": "string"},
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}
"""The schema of `json_schema_2020_12_tool`, which no signature can express."""
