"""The body of a control packet, read from the front: the data types of both versions of MQTT (§1.5)."""

from broker.frames import Violation
from broker.reasons import Reason


class Body:
    """Raises `Violation` at its end, and for what is not of the type."""

    __slots__ = ("at", "data")

    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data = data
        self.at = at

    def __bool__(self) -> bool:
        return self.at < len(self.data)

    def byte(self) -> int:
        return self.take(1)[0]

    def number(self, size: int = 2) -> int:
        return int.from_bytes(self.take(size))

    def variable(self) -> int:
        """Seven bits a byte, lowest first, at most four bytes and none too many (§1.5.5 of MQTT 5)."""
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                break
            shift += 7
            if shift > 21:
                raise Violation("number of more than four bytes")
        if shift and not byte:
            raise Violation("number with a byte too many")
        return value

    def binary(self) -> bytes:
        return self.take(self.number())

    def text(self) -> str:
        try:
            text = self.binary().decode()
        except UnicodeDecodeError:
            raise Violation("text that is not UTF-8") from None
        if "\0" in text:
            raise Violation("text with a null character")
        return text

    def packet_id(self) -> int:
        packet_id = self.number()
        if not packet_id:
            raise Violation("packet id 0", Reason.PROTOCOL_ERROR)
        return packet_id

    def take(self, count: int) -> bytes:
        end = self.at + count
        if end > len(self.data):
            raise Violation("packet ends too early")
        part, self.at = self.data[self.at : end], end
        return part
