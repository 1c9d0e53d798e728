"""Which network addresses a name may lead to: public ones, or what the person named itself."""

import ipaddress
import socket

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_LINK_LOCAL = (ipaddress.ip_network("169.254.0.0/16"), ipaddress.ip_network("fe80::/10"))
_CARRYING_IPV4 = tuple(
    map(ipaddress.ip_network, ("64:ff9b::/96", "64:ff9b:1::/48", "::ffff:0:0:0/96", "::/96"))
)
"""IPv6 networks whose addresses lead to the IPv4 address in their last 32 bits."""
_NOT_PUBLIC = (ipaddress.ip_network("192.0.0.0/24"), ipaddress.ip_network("fec0::/10"))


def refused_address(host: str, address: str, *, allow_private: bool) -> str | None:
    """Why `address`, to which `host` leads, is not connected to; None when it may be.

    Link-local addresses, where clouds answer with credentials, are never connected to.

    Args:
        allow_private: the host that was agreed to is itself an address inside this machine or
            network, so that nobody was led there.
    """
    ip = _reached(ipaddress.ip_address(address.partition("%")[0]))
    if any(ip in network for network in _LINK_LOCAL if network.version == ip.version):
        return f"{host} is a link-local address, which is never fetched."
    if not _is_public(ip) and not allow_private:
        return f"{host} leads to {ip}, inside this machine or network: not fetched."
    return None


def names_itself_private(host: str) -> bool:
    """Whether the name alone says that it is inside this machine or network."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    return is_address(host) and not _is_public(_reached(ipaddress.ip_address(host)))


def is_address(host: str) -> bool:
    """Whether it is an IP address, and no name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_number(host: str) -> bool:
    """Whether it is an address in any of the forms that resolvers take: 127.1, 0x7f000001."""
    if is_address(host):
        return True
    try:
        socket.inet_aton(host)
    except (OSError, UnicodeError):
        return False
    return True


def _reached(ip: _Address) -> _Address:
    """The address that is connected to in the end, where IPv6 carries one of IPv4."""
    if not isinstance(ip, ipaddress.IPv6Address):
        return ip
    carried = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
    if carried is None and int(ip) > 1 and any(ip in network for network in _CARRYING_IPV4):
        carried = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return carried or ip


def _is_public(ip: _Address) -> bool:
    inside = any(ip in network for network in _NOT_PUBLIC if network.version == ip.version)
    return ip.is_global and not ip.is_multicast and not inside
