"""The tools: one decorator line per function, collected from an explicit list of modules.

A tool is listed, and may be called, if and only if the scope of its service is held; write includes
read. A tool without a service belongs to everybody. One for pages alone (MCP Apps) is listed only to who
renders pages, for no model is to choose it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Literal, TypeVar

from mcp.server.apps import Visibility
from mcp.server.mcpserver.tools import Tool
from mcp_types import CallToolResult, ToolAnnotations

from mcp_server.making import make

Access = Literal["read", "write"]
Function = TypeVar("Function", bound=Callable[..., Awaitable[CallToolResult]])
_MARK = "__valet_tool__"


@dataclass(frozen=True, slots=True)
class Spec:
    """What one decorator line says.

    `needs` are upstream scopes; `open_world`: it reaches beyond Valet. `app` is the page that renders its
    answers, `visibility` who may call it: the model, pages, or (None) both. `asks`: it sends, shares, invites
    or deletes, and asks the person first where they have switched that on (`mcp_server/asking.py`).
    """

    service: str | None
    access: Access
    needs: frozenset[str]
    title: str
    read_only: bool
    destructive: bool
    idempotent: bool
    open_world: bool
    app: str | None = None
    visibility: tuple[Visibility, ...] | None = None
    asks: bool = False

    @property
    def scopes(self) -> frozenset[str]:
        """Our scopes that a call needs."""
        return frozenset() if self.service is None else frozenset({f"{self.service}:{self.access}"})

    def held_by(self, scopes: frozenset[str]) -> bool:
        """Whether a principal with these of our scopes may call it."""
        return self.service is None or holds(scopes, self.service, self.access)

    @property
    def app_only(self) -> bool:
        """Whether it is for pages, and no model sees it."""
        return self.visibility is not None and "model" not in self.visibility

    @property
    def poll(self) -> bool:
        """Whether a page calls it by itself, again and again."""
        return self.app_only and self.read_only

    def meta(self) -> dict[str, Any] | None:
        """`_meta` as ext-apps 2026-01-26 "Resource Discovery" has it; the flat key is for hosts of before."""
        ui: dict[str, Any] = {}
        if self.app is not None:
            ui["resourceUri"] = self.app
        if self.visibility is not None:
            ui["visibility"] = list(self.visibility)
        flat = {"ui/resourceUri": self.app} if self.app is not None else {}
        return {"ui": ui, **flat} if ui else None

    def annotations(self) -> ToolAnnotations:
        """All four hints, because the protocol's defaults are destructive and open."""
        return ToolAnnotations(
            title=self.title,
            read_only_hint=self.read_only,
            destructive_hint=self.destructive,
            idempotent_hint=self.idempotent,
            open_world_hint=self.open_world,
        )


def holds(scopes: frozenset[str], service: str, access: Access) -> bool:
    """Whether these of our scopes include that access to the service."""
    return f"{service}:write" in scopes or (access == "read" and f"{service}:read" in scopes)


def tool(
    *,
    service: str | None,
    title: str,
    access: Access = "read",
    needs: Iterable[str] = (),
    read_only: bool,
    destructive: bool,
    idempotent: bool,
    open_world: bool = True,
    app: str | None = None,
    visibility: tuple[Visibility, ...] | None = None,
    asks: bool = False,
) -> Callable[[Function], Function]:
    """Mark an async function as a tool: its name, docstring and type hints are what the model sees."""
    spec = Spec(
        service,
        access,
        frozenset(needs),
        title,
        read_only,
        destructive,
        idempotent,
        open_world,
        app,
        visibility,
        asks,
    )

    def mark(function: Function) -> Function:
        setattr(function, _MARK, spec)
        return function

    return mark


@dataclass(frozen=True, slots=True)
class Entry:
    """A tool as registered, and its spec."""

    tool: Tool
    spec: Spec

    def exact(self, arguments: dict[str, Any]) -> Any:
        """The arguments as the tool gets them, defaults filled in, as JSON: the same for what means the same.

        Raises ValidationError.
        """
        metadata = self.tool.fn_metadata
        # As the SDK reads them for the tool: some programs write a list or an object as a string of JSON.
        model = metadata.arg_model.model_validate(metadata.pre_parse_json(arguments))
        return model.model_dump(mode="json", by_alias=True)


class Toolbox:
    """The tools of some modules, in the order of the modules and of their source."""

    def __init__(self, modules: Iterable[ModuleType]) -> None:
        self._entries = {entry.tool.name: entry for module in modules for entry in _collect(module)}

    @property
    def tools(self) -> list[Tool]:
        """Every tool, for the server to register."""
        return [entry.tool for entry in self._entries.values()]

    def find(self, name: str) -> Entry | None:
        """The tool of that name."""
        return self._entries.get(name)

    def listed(self, name: str, scopes: frozenset[str], *, ui: bool) -> bool:
        """Whether a principal with these scopes sees the tool; `ui`: their chat program renders pages."""
        entry = self._entries.get(name)
        return entry is not None and entry.spec.held_by(scopes) and (ui or not entry.spec.app_only)


def titles(modules: Iterable[ModuleType]) -> dict[str, str]:
    """What the tools of those modules are called by people, by their names."""
    return {name: spec.title for name, spec in specs(modules).items()}


def asking(modules: Iterable[ModuleType]) -> frozenset[str]:
    """The services with tools that send, share, invite or delete, and ask first where that is switched on."""
    return frozenset(spec.service for spec in specs(modules).values() if spec.asks and spec.service)


def specs(modules: Iterable[ModuleType]) -> dict[str, Spec]:
    """What their decorators say of the tools of those modules, by their names."""
    return {function.__name__: spec for module in modules for function, spec in _marked(module)}


def _collect(module: ModuleType) -> list[Entry]:
    return [Entry(_build(function, spec), spec) for function, spec in _marked(module)]


def _marked(module: ModuleType) -> list[tuple[Callable[..., Any], Spec]]:
    """The module's own tools, in the order of its source."""
    # A copy: where hints are read for the first time, pydantic may put a generic's form into the module.
    return [
        (function, spec)
        for function in list(vars(module).values())
        if (spec := getattr(function, _MARK, None)) is not None and function.__module__ == module.__name__
    ]


def _build(function: Callable[..., Any], spec: Spec) -> Tool:
    return make(
        function,
        title=spec.title,
        description=" ".join((function.__doc__ or "").split()),
        annotations=spec.annotations(),
        meta=spec.meta(),
    )
