from __future__ import annotations

import struct
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from harness.devices.android.packets import STDIN_PIECE, Decoder, Kind, encode, stdin_packets

PACKETS = st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=300)), max_size=12)


def cut(data: bytes, at: list[int]) -> list[bytes]:
    edges = [0, *sorted(min(place, len(data)) for place in at), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


def joined(parts: list[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
    """Neighbours of one kind together: where a payload was cut does not matter."""
    result: list[tuple[int, bytes]] = []
    for kind, payload in parts:
        if result and result[-1][0] == kind:
            result[-1] = (kind, result[-1][1] + payload)
        elif payload:
            result.append((kind, payload))
    return result


@given(PACKETS, st.lists(st.integers(0, 4000), max_size=20))
def test_frames_cut_anywhere_give_the_same_payloads(packets: list[tuple[int, bytes]], at: list[int]) -> None:
    stream = b"".join(struct.pack("<BI", kind, len(payload)) + payload for kind, payload in packets)
    decoder = Decoder()
    parts = [part for piece in cut(stream, at) for part in decoder.feed(piece)]
    assert joined(parts) == joined(packets)


@given(st.binary(max_size=2000), st.integers(1, 50))
def test_no_bytes_make_it_fail_or_invent_some(data: bytes, step: int) -> None:
    decoder = Decoder()
    parts = [part for start in range(0, len(data), step) for part in decoder.feed(data[start : start + step])]
    assert all(payload for _, payload in parts)
    assert b"".join(payload for _, payload in parts) in data or len(parts) > 1
    assert sum(len(payload) for _, payload in parts) <= max(len(data) - 5, 0)


def test_a_packet_that_claims_4_gib_is_given_on_as_it_comes() -> None:
    decoder = Decoder()
    assert list(decoder.feed(struct.pack("<BI", Kind.STDOUT, 0xFFFFFFFF))) == []
    assert list(decoder.feed(b"abc")) == [(Kind.STDOUT, b"abc")]
    assert list(decoder.feed(b"defg")) == [(Kind.STDOUT, b"defg")]
    assert len(decoder._header) == 0


@given(st.binary(max_size=3 * STDIN_PIECE))
def test_standard_input_arrives_whole_and_is_closed_once(data: bytes) -> None:
    packets = list(stdin_packets(data))
    assert packets[-1] == encode(Kind.CLOSE_STDIN)
    decoder = Decoder()
    parts = [part for packet in packets[:-1] for part in decoder.feed(packet)]
    assert b"".join(payload for _, payload in parts) == data
    assert {kind for kind, _ in parts} <= {Kind.STDIN}
