"""The smuggling table: what could be read in two ways is refused, before any gateway sees it."""

from __future__ import annotations

import pytest

from cmpcodec.http.framing import BadRequest, Chunks, Head, read_head

START = b"POST /x HTTP/1.1\r\n"
HOST = b"Host: a\r\n"


def head(*lines: bytes, start: bytes = START) -> Head:
    return read_head(start + b"".join(line + b"\r\n" for line in lines) + b"\r\n", 64)


def refused(block: bytes) -> int:
    with pytest.raises(BadRequest) as caught:
        read_head(block, 64)
    return caught.value.status


def test_reads() -> None:
    found = head(b"Host: a", b"X-Y:  b c\t ", b"Content-Length: 007", b"Expect: 100-Continue")
    assert (found.method, found.target, found.old, found.length, found.chunked) == ("POST", b"/x", False, 7, False)
    assert found.fields[1] == (b"x-y", b"b c")
    assert found.has_body
    assert found.expects_continue
    assert head(b"Host: a", b"Transfer-Encoding: Chunked").chunked
    assert not head(b"Host: a", b"Content-Length: 0").has_body


@pytest.mark.parametrize(
    ("version", "fields", "kept"),
    [
        (b"1.1", [], True),
        (b"1.1", [b"Connection: close"], False),
        (b"1.1", [b"Connection: x, Close"], False),
        (b"1.1", [b"Connection: x", b"Connection: close"], False),
        (b"1.1", [b"Connection: closely"], True),
        (b"1.0", [], False),
        (b"1.0", [b"Connection: keep-alive"], True),
        (b"1.0", [b"Connection: Keep-Alive, x"], True),
        (b"1.0", [b"Connection: keep-alive, close"], False),
        (b"1.0", [b"Keep-Alive: 5"], False),
    ],
)
def test_keep_alive(version: bytes, fields: list[bytes], kept: bool) -> None:
    assert head(b"Host: a", *fields, start=b"POST /x HTTP/" + version + b"\r\n").keep_alive is kept


def test_old_clients_need_no_host_and_expect_nothing() -> None:
    found = head(b"Expect: 100-continue", start=b"POST /x HTTP/1.0\r\n")
    assert found.old
    assert not found.expects_continue


def test_upgrade_is_declined() -> None:
    """Java's HttpClient offers h2c with its first request, and sends the body along."""
    found = head(
        b"Host: a", b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AA", b"Content-Length: 3"
    )
    assert (found.length, found.keep_alive) == (3, True)


AMBIGUOUS = {
    "length and chunked": HOST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
    "chunked and length": HOST + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
    "two lengths": HOST + b"Content-Length: 3\r\nContent-Length: 4\r\n",
    "the same length twice": HOST + b"Content-Length: 3\r\nContent-Length: 3\r\n",
    "list of lengths": HOST + b"Content-Length: 3, 3\r\n",
    "negative": HOST + b"Content-Length: -3\r\n",
    "plus": HOST + b"Content-Length: +3\r\n",
    "hexadecimal": HOST + b"Content-Length: 0x3\r\n",
    "empty length": HOST + b"Content-Length:\r\n",
    "fraction": HOST + b"Content-Length: 3.0\r\n",
    "length beyond 64 bits": HOST + b"Content-Length: 18446744073709551619\r\n",
    "length with a blank in it": HOST + b"Content-Length: 3 3\r\n",
    "blank before the colon of length": HOST + b"Content-Length : 3\r\n",
    "blank before the colon of coding": HOST + b"Transfer-Encoding : chunked\r\n",
    "gzip, chunked": HOST + b"Transfer-Encoding: gzip, chunked\r\n",
    "chunked, gzip": HOST + b"Transfer-Encoding: chunked, gzip\r\n",
    "chunked twice": HOST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
    "chunked, identity": HOST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
    "identity": HOST + b"Transfer-Encoding: identity\r\n",
    "xchunked": HOST + b"Transfer-Encoding: xchunked\r\n",
    "chunked in quotes": HOST + b'Transfer-Encoding: "chunked"\r\n',
    "chunked with a vertical tab": HOST + b"Transfer-Encoding: \x0bchunked\r\n",
    "chunked with a NUL": HOST + b"Transfer-Encoding: chunked\x00\r\n",
    "folded coding": HOST + b"Transfer-Encoding:\r\n chunked\r\n",
    "folded line": HOST + b"X: a\r\n b\r\n",
    "first line folded": b" X: a\r\n" + HOST,
    "bare LF": HOST + b"X: a\nContent-Length: 3\r\n",
    "bare CR": HOST + b"X: a\rContent-Length: 3\r\n",
    "CR CR LF": HOST + b"X: a\r\r\n",
    "NUL in a value": HOST + b"X: a\x00b\r\n",
    "NUL in a name": HOST + b"X\x00: a\r\n",
    "empty name": HOST + b": a\r\n",
    "no colon": HOST + b"Content-Length\r\n",
    "bracket in a name": HOST + b"X[: a\r\n",
    "name beyond ASCII": HOST + b"X\xc3\xa4: a\r\n",
    "no Host": b"X: a\r\n",
    "two Hosts": HOST + HOST,
}  # fmt: skip


@pytest.mark.parametrize("fields", AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_ambiguous(fields: bytes) -> None:
    assert refused(START + fields + b"\r\n") == 400


def test_chunked_in_http_1_0() -> None:
    assert refused(b"POST /x HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n") == 400


@pytest.mark.parametrize(
    "line",
    [b"", b"POST /x", b"POST  /x HTTP/1.1", b"POST /x  HTTP/1.1", b"POST /x HTTP/1.1 x", b"POST /x HTTP/1", b"POST /x FTP/1.1",
     b"POST /x http/1.1", b"POST\t/x\tHTTP/1.1", b"POST HTTP/1.1", b"PO ST /x HTTP/1.1", b"NOSUCH /x HTTP/1.1",
     b"POST /x y HTTP/1.1", b"HTTP/1.1 200 OK", b"\x16\x03\x01\x02\x00\x01", b"0\x82\x03\x2f0"],
)  # fmt: skip
def test_bad_request_lines(line: bytes) -> None:
    assert refused(line + b"\r\n" + HOST + b"\r\n") in (400, 505)


@pytest.mark.parametrize("version", [b"0.9", b"1.2", b"2.0", b"3.0"])
def test_versions(version: bytes) -> None:
    assert refused(b"POST /x HTTP/" + version + b"\r\n" + HOST + b"\r\n") in (400, 505)


def test_too_many_fields() -> None:
    assert len(head(HOST.strip(), *[b"X: a"] * 63).fields) == 64
    assert refused(START + HOST + b"X: a\r\n" * 64 + b"\r\n") == 431


@pytest.mark.parametrize("value", [b"200-ok", b"", b"100-continue, x"])
def test_other_expectations(value: bytes) -> None:
    assert refused(START + HOST + b"Expect: " + value + b"\r\n\r\n") == 417


def chunks(data: bytes, size: int = 0, most: int = 100) -> Chunks:
    found = Chunks(most)
    for start in range(0, len(data), size or len(data)):
        found.feed(data[start : start + (size or len(data))])
    return found


@pytest.mark.parametrize("size", [0, 1, 2, 7])
def test_chunks(size: int) -> None:
    found = chunks(b"3\r\nabc\r\n0A;x=y\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n", size)
    assert found.complete
    assert found.body == b"abc0123456789"


def test_nothing_behind_the_last_chunk_counts() -> None:
    data = b"1\r\na\r\n0\r\n\r\nPOST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nxyz"
    assert chunks(data).body == chunks(data, 1).body == b"a"
    assert chunks(b"1\r\na\r\n0\r\n\r\ngarbage").complete


@pytest.mark.parametrize(
    "data",
    [b"x\r\n", b"-1\r\na\r\n", b"0x1\r\na\r\n", b"1\na\n", b" 1\r\na\r\n", b"1\r\nab\r\n", b"1\r\na0\r\n\r\n", b"\r\n",
     b"ffffffffffffffffff\r\na", b"1 \r\na\r\n", b"1;\x00\r\na\r\n", b"0\r\nTrailer : x\r\n\r\n", b"0\r\nbad\r\n\r\n"],
)  # fmt: skip
def test_malformed_chunks(data: bytes) -> None:
    with pytest.raises(BadRequest) as caught:
        chunks(data)
    assert caught.value.status == 400


def test_chunks_are_bounded() -> None:
    assert chunks(b"64\r\n" + bytes(100) + b"\r\n0\r\n\r\n").body == bytes(100)
    for size in (0, 50):
        with pytest.raises(BadRequest) as caught:
            chunks(b"65\r\n" + bytes(101) + b"\r\n0\r\n\r\n", size)
        assert caught.value.status == 413
    for overhead in (b"1\r\na\r\n" * 50 + b"1;" + b"x" * 5000, b"0\r\n" + b"X: a\r\n" * 1000):
        with pytest.raises(BadRequest, match="too small"):
            chunks(overhead, 100)
