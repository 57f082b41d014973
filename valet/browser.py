"""A small HTTP browser: cookies, forms, links, redirects and meta refreshes. For `valet try`.

It runs no script: Valet's pages and the emulator's need none.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import httpx2


class Stuck(Exception):
    """The page does not offer what the script wanted to do; the text names the page's title."""


@dataclass
class Form:
    """One form: where it goes, its fields as they stand, and its buttons by label."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    choices: dict[str, list[str]] = field(default_factory=dict)
    buttons: dict[str, tuple[str, str]] = field(default_factory=dict)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.title = ""
        self.heading = ""
        self.text: list[str] = []
        self.forms: list[Form] = []
        self.links: dict[str, str] = {}
        self.refresh: str | None = None
        self._inside: list[str] = []
        self._link: tuple[str, list[str]] | None = None
        self._button: tuple[dict[str, str], list[str]] | None = None
        self._select: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag in {"title", "h1"}:
            self._inside.append(tag)
        elif tag == "form":
            self.forms.append(Form(found.get("action", ""), found.get("method", "get").lower()))
        elif tag == "a" and "href" in found:
            self._link = (found["href"], [])
        elif tag == "meta" and found.get("http-equiv", "").lower() == "refresh":
            _, _, target = found.get("content", "").partition("=")
            self.refresh = target.strip() or None
        elif self.forms and tag == "input":
            self._input(found)
        elif self.forms and tag == "button":
            self._button = (found, [])
        elif self.forms and tag == "select":
            self._select = found.get("name")
        elif self.forms and tag == "option" and self._select:
            self._option(found)

    def _input(self, found: dict[str, str]) -> None:
        form, name, kind = self.forms[-1], found.get("name", ""), found.get("type", "text")
        value = found.get("value", "on" if kind == "checkbox" else "")
        if kind == "submit":
            form.buttons[value] = (name, value)
        elif kind in {"radio", "checkbox"}:
            form.choices.setdefault(name, []).append(value)
            if "checked" in found:
                form.fields[name] = value
        elif name:
            form.fields[name] = value

    def _option(self, found: dict[str, str]) -> None:
        form, name, value = self.forms[-1], self._select or "", found.get("value", "")
        form.choices.setdefault(name, []).append(value)
        if "selected" in found or name not in form.fields:
            form.fields[name] = value

    def handle_endtag(self, tag: str) -> None:
        if tag in {"title", "h1"} and self._inside:
            self._inside.pop()
        elif tag == "a" and self._link is not None:
            self.links[" ".join("".join(self._link[1]).split())] = self._link[0]
            self._link = None
        elif tag == "button" and self._button is not None:
            found, words = self._button
            label = " ".join("".join(words).split())
            self.forms[-1].buttons[label] = (found.get("name", ""), found.get("value", ""))
            self._button = None
        elif tag == "select":
            self._select = None

    def handle_data(self, data: str) -> None:
        if self._inside and self._inside[-1] == "title":
            self.title += data
        elif self._inside:
            self.heading += data
        self.text.append(data)
        if self._link is not None:
            self._link[1].append(data)
        if self._button is not None:
            self._button[1].append(data)


@dataclass
class Page:
    """What the browser is looking at."""

    url: str
    status: int
    title: str
    heading: str
    text: str
    forms: list[Form]
    links: dict[str, str]
    refresh: str | None


class Browser:
    """Walks pages. `stop_at` is a prefix: a redirect to such a URL is not fetched but returned."""

    def __init__(self, *, stop_at: str | None = None) -> None:
        self._http = httpx2.AsyncClient(follow_redirects=False, timeout=20, trust_env=False)
        self._stop_at = stop_at
        self.caught: str | None = None
        self.page: Page | None = None

    async def close(self) -> None:
        """Forget the cookies and close the connections."""
        await self._http.aclose()

    async def open(self, url: str) -> Page:
        """GET `url` and follow wherever it leads."""
        return await self._go("GET", url, None)

    async def click(self, label: str) -> Page:
        """Follow the link with that text."""
        page = self._looking()
        target = next((href for text, href in page.links.items() if text.startswith(label)), None)
        if target is None:
            raise Stuck(f"no link {label!r} on the page {page.title!r}")
        return await self._go("GET", urljoin(page.url, target), None)

    async def press(self, label: str, **choose: str) -> Page:
        """Submit the form that has the button `label`, with `choose` over its fields."""
        page = self._looking()
        for form in page.forms:
            button = next((b for text, b in form.buttons.items() if text.startswith(label)), None)
            if button is None:
                continue
            values = {**form.fields, **choose}
            if button[0]:
                values[button[0]] = button[1]
            return await self._go(form.method.upper(), urljoin(page.url, form.action or page.url), values)
        raise Stuck(f"no button {label!r} on the page {page.title!r} ({page.heading.strip()!r})")

    def offers(self, label: str) -> bool:
        """True if the page has a button that begins with `label`."""
        return any(text.startswith(label) for form in self._looking().forms for text in form.buttons)

    def _looking(self) -> Page:
        if self.page is None:
            raise Stuck("no page is open")
        return self.page

    async def _go(self, method: str, url: str, values: dict[str, str] | None) -> Page:
        for _ in range(20):
            if self._stop_at is not None and url.startswith(self._stop_at):
                self.caught = url
                return Page(url, 0, "", "", "", [], {}, None)
            headers = {}
            if method == "POST" and self.page is not None:
                at = urlsplit(self.page.url)
                headers["Origin"] = f"{at.scheme}://{at.netloc}"
            if method == "GET" and values is not None:
                answer = await self._http.get(url, params=values)
            else:
                answer = await self._http.request(method, url, data=values, headers=headers)
            if answer.is_redirect:
                method, values, url = "GET", None, urljoin(url, answer.headers["location"])
                continue
            self.page = _read(str(answer.url), answer.status_code, answer.text)
            if self.page.refresh is None:
                return self.page
            method, values, url = "GET", None, urljoin(url, self.page.refresh)
        raise Stuck("too many redirects")


def _read(url: str, status: int, html: str) -> Page:
    reader = _Reader()
    reader.feed(html)
    text = " ".join("".join(reader.text).split())
    return Page(
        url, status, reader.title.strip(), reader.heading, text, reader.forms, reader.links, reader.refresh
    )
