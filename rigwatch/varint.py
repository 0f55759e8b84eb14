"""How MQTT writes the length of what follows."""


def varint(number: int) -> bytes:
    """Seven bits a byte, lowest first (MQTT 3.1.1, §2.2.3; 5, §1.5.5)."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
