"""Under which names and addresses people reach a server that listens on `host`."""

import socket

_EVERY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not bound
_THIS_MACHINE = ["localhost", "127.0.0.1", "[::1]"]


def reachable(host: str) -> str:
    """An address of this machine at which the server answers."""
    return _EVERY.get(host, host)


def site(host: str, port: int) -> str:
    """The address to type on this machine."""
    name = reachable(host)
    if name in {"127.0.0.1", "::1"}:
        name = "localhost"
    return f"http://{f'[{name}]' if ':' in name else name}:{port}"


def own_names(host: str) -> list[str]:
    """The host names that are certainly meant for us. Any other could be a page elsewhere that tricks a browser."""
    if host not in _EVERY:
        return [*_THIS_MACHINE, f"[{host}]" if ":" in host else host]
    # Of the interfaces, not of the name service, which may be away.
    import psutil

    name = socket.gethostname().lower()
    found = [address.address for interface in psutil.net_if_addrs().values() for address in interface]
    numbers = [number for number in found if _is_ipv4(number)]
    return list(dict.fromkeys([*_THIS_MACHINE, name, f"{name}.local", *numbers]))


def _is_ipv4(text: str) -> bool:
    try:
        socket.inet_pton(socket.AF_INET, text)
    except OSError:
        return False
    return True
