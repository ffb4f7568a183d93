"""Protection systems by the UUID under which containers and manifests name them (DASH-IF registry
of content protection identifiers), and reading them out of the boxes that carry them."""

import uuid

SYSTEMS = {
    "edef8ba9-79d6-4ace-a3c8-27dcd51d21ed": "Widevine",
    "9a04f079-9840-4286-ab92-e65be0885f95": "PlayReady",
    "94ce86fb-07ff-4f43-adb8-93d2fa968ca2": "FairPlay",
    "1077efec-c0b2-4d02-ace3-3c1e52e2fb4b": "ClearKey (W3C)",
    "e2719d58-a985-b3c9-781a-b030af78d30e": "ClearKey (DASH-IF)",
    "5e629af5-38da-4063-8977-97ffbd9902d4": "Marlin",
    "3d5e6d35-9b9a-41e8-b843-dd3c6e72c42c": "WisePlay",
}
PIFF_SYSTEM_HEADER = uuid.UUID("d08a4f18-10f3-4a82-b6c8-32d8aba183d3").bytes
PIFF_BOXES = {
    uuid.UUID("a2394f52-5a9b-4f14-a244-6c427c648df4").bytes: "PIFF box uuid (sample encryption)",
    PIFF_SYSTEM_HEADER: "PIFF box uuid (system header)",
    uuid.UUID("8974dbce-7be7-4c51-84f9-7148f9882554").bytes: "PIFF box uuid (track encryption)",
}
HEADER_BYTES = 20  # of the content of a pssh box: version, flags, system id


def name_system(text: str) -> str:
    """The name of the system with this UUID (any case), or the UUID itself."""
    return SYSTEMS.get(text.lower(), f"system {text.lower()}")


def system_of(content: bytes) -> str:
    """The system that the first 20 bytes of a ``pssh`` box name (ISO 23001-7 §8.1)."""
    if len(content) < HEADER_BYTES:
        return "no system named"
    return name_system(str(uuid.UUID(bytes=content[4:HEADER_BYTES])))
