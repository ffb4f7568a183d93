"""What a process that answers tells the one that keeps the guard's records. Values only."""

import msgspec

from phonotheque.guard import Event, Kind


class Told(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag="told"):
    """One request that was answered, or refused. `t` is in seconds since 1970; `refused`: by the
    guard itself, so that it is counted and is no evidence; `groups`: of `kept_groups`, of a request
    for audio."""

    actor: str
    network: str
    t: float
    kind: Kind
    item: int | None = None
    bucket: int | None = None
    artist: int | None = None
    release: int | None = None
    duration_s: float | None = None
    status: int = 200
    bytes: int = 0
    canary: bool = False
    refused: bool = False
    rank: int | None = None
    groups: tuple[str, ...] = ()

    def event(self) -> Event:
        """As the guard's core reads it."""
        return Event(
            t=self.t, account=self.actor, kind=self.kind, item=self.item, rank_bucket=self.bucket,
            rank=self.rank,
            artist=self.artist, release=self.release, status=self.status, bytes=self.bytes,
            network=self.network, canary=self.canary, duration_s=self.duration_s,
            authenticated=self.actor.startswith("account:"),
        )  # fmt: skip


class TokenUsed(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag="token"):
    """A bulk token was shown, by `actor` where that is an account."""

    token: int
    t: float
    actor: str = ""


Message = Told | TokenUsed
encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder(Message).decode
