"""Which network addresses a name may lead to: public ones, or what the person named itself."""

import ipaddress

_LINK_LOCAL = (ipaddress.ip_network("169.254.0.0/16"), ipaddress.ip_network("fe80::/10"))


def refused_address(host: str, address: str, *, allow_private: bool) -> str | None:
    """Why `address`, to which `host` leads, is not connected to; None when it may be.

    Link-local addresses, where clouds answer with credentials, are never connected to.

    Args:
        allow_private: the host that was agreed to is itself an address inside this machine or
            network, so that nobody was led there.
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    ip = mapped or ip
    if any(ip in network for network in _LINK_LOCAL if network.version == ip.version):
        return f"{host} is a link-local address, which is never fetched."
    if not ip.is_global and not allow_private:
        return f"{host} leads to {ip}, inside this machine or network: not fetched."
    return None


def names_itself_private(host: str) -> bool:
    """Whether the name alone says that it is inside this machine or network."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    return is_address(host) and not ipaddress.ip_address(host).is_global


def is_address(host: str) -> bool:
    """Whether it is an IP address, and no name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
