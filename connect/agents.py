"""What a browser is called on its person's page: two words of ours, read out of what it says of itself."""

from __future__ import annotations

# The first that fits: most browsers name others as well, so that old pages like them.
_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Chromium/", "Chrome"),
    ("CriOS/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS = (
    ("iPhone", "an iPhone"),
    ("iPad", "an iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Mac OS X", "a Mac"),
    ("Linux", "Linux"),
)


def called(user_agent: str) -> str:
    """`Firefox on Linux`; as much of it as can be told, or nothing. No version: that would mark a browser."""
    browser = next((name for word, name in _BROWSERS if word in user_agent), "")
    system = next((name for word, name in _SYSTEMS if word in user_agent), "")
    if not browser:
        return f"A browser on {system}" if system else ""
    return f"{browser} on {system}" if system else browser
