"""What a browser says of itself, in words that a person recognises."""

# The first that is found: each pretends to be those below it.
_BROWSERS = {
    "Edg": "Edge",
    "OPR/": "Opera",
    "SamsungBrowser": "Samsung Internet",
    "Vivaldi": "Vivaldi",
    "FxiOS": "Firefox",
    "Firefox/": "Firefox",
    "CriOS": "Chrome",
    "Chrome/": "Chrome",
    "Safari/": "Safari",
    "curl/": "curl",
    "python": "a Python program",
}
_SYSTEMS = {
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Android": "Android",
    "Windows": "Windows",
    "CrOS": "ChromeOS",
    "Mac OS X": "macOS",
    "Linux": "Linux",
}


def browser(agent: str) -> str:
    return next((name for mark, name in _BROWSERS.items() if mark in agent), "A browser")


def system(agent: str) -> str:
    return next((name for mark, name in _SYSTEMS.items() if mark in agent), "")


def is_handheld(agent: str) -> bool:
    return any(mark in agent for mark in ("Mobile", "iPhone", "iPad", "Android"))
