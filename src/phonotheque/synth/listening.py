"""How often recordings were listened to: as skewed as it is in truth.

Measured in the great services (2025, 253 million tracks): 47 % have 10 plays or fewer, 88 % under
1,000, and 541,000 tracks carry half of all plays.
"""

import numpy as np
import pyarrow as pa

from phonotheque.synth.draws import Ints, below, draw, exp2_fixed, log2_fixed
from phonotheque.synth.world import World

SCHEMA = pa.schema([("key", pa.string()), ("listens", pa.int64()), ("listeners", pa.int64())])

_WHOLE = 2**32
_FEW, _SOME = int(0.47 * _WHOLE), int(0.88 * _WHOLE)
_TOP = int(541 / 253_000 * _WHOLE)  # of the recordings, counted from the top
_AT_TOP = 120 * _WHOLE // _TOP  # listens where the top begins: 56,000
_TAIL = 65536 * 1000 // 1265  # exponent of the tail, so that it carries half
_LOW, _HIGH = log2_fixed(np.array([11, 1000]))


def listens(world: World, recordings: Ints) -> Ints:
    """Listens of each recording; those of one album are alike."""
    album = draw(world.seed, "heard", world.album(recordings)) >> np.uint64(32)
    own = below(draw(world.seed, "heard alone", recordings), _WHOLE // 4)
    drawn = (album.astype(np.int64) + own) % _WHOLE
    left = _WHOLE - drawn
    some = exp2_fixed(_LOW + (_HIGH - _LOW) * ((drawn - _FEW) >> 16) // ((_SOME - _FEW) >> 16))
    top = exp2_fixed(
        log2_fixed(np.array([_AT_TOP]))[0]
        + (np.maximum(log2_fixed(np.array([_TOP]))[0] - log2_fixed(left), 0) * _TAIL >> 16)
    )
    found = np.where(
        drawn < _SOME, np.where(drawn < _FEW, drawn * 11 // _FEW, some), 120 * _WHOLE // left
    )
    return np.where(left <= _TOP, top, found)


def make_listens(world: World, recordings: Ints, keys: pa.Array) -> pa.RecordBatch:
    """A row with the columns of `SCHEMA` for each of `recordings` under its key."""
    heard = listens(world, recordings)
    by = 1 + heard // (2 + below(draw(world.seed, "heard by", recordings), 8))
    columns = [keys, pa.array(heard), pa.array(np.minimum(by, heard))]
    return pa.RecordBatch.from_arrays(columns, schema=SCHEMA)
