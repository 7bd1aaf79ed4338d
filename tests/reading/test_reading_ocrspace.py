"""OCR.space, against a receiver that follows the contract in its documentation."""

from __future__ import annotations

import json
import socket
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from daemon.errors import Kind, ReadingError, StoppedError
from daemon.reading.engine import OcrEngine
from daemon.reading.ocrspace import OcrSpaceEngine, encoded
from daemon.reading.ocrspace_answer import result
from daemon.reading.ocrspace_client import OcrSpaceClient
from daemon.reading.orientation import read_upright
from tests.reading.drawing import LETTERS, receipt
from tests.reading.ocrspace_service import KEY, LIMIT, Answer, Service, errored
from tests.receiver import Receiver, status

PAGE = np.asarray(receipt())


def _fault(engine: OcrEngine, image: Any = PAGE) -> ReadingError:
    with pytest.raises(ReadingError) as told:
        engine.read(image)
    return told.value


def test_a_request_is_what_the_contract_asks_for(ocrspace: OcrEngine, service: Service) -> None:
    """One file, the engine, the language left to the service, booleans as words."""
    ocrspace.read(PAGE)
    [request] = service.requests
    del request["sizes"]
    assert request == {
        "language": "auto",
        "OCREngine": "2",
        "isOverlayRequired": "true",
        "detectOrientation": "true",
        "isTable": "true",
        "filetype": "JPG",
    }


@pytest.mark.parametrize(
    ("languages", "model", "told"),
    [
        ((), 1, "eng"),
        ((), 2, "auto"),
        (("de",), 2, "ger"),
        (("fr", "de"), 1, "fre"),
        (("nl", "en"), 3, "auto"),
    ],
)
def test_languages_are_told_by_the_vendors_names(
    service: Service, languages: tuple[str, ...], model: int, told: str
) -> None:
    """One language can be named; the newer models find several out by themselves."""
    client = OcrSpaceClient(service.url, KEY, languages=languages, model=model)
    OcrSpaceEngine(client.send, model=model).read(PAGE)
    assert service.requests[0]["language"] == told
    assert service.requests[0]["OCREngine"] == str(model)


@pytest.mark.parametrize(
    ("answer", "code", "kind"),
    [
        ((403, "text/plain", LIMIT), "ocr_rate_limited", Kind.TRANSIENT),
        ((429, "text/html", "<h1>Too many</h1>"), "ocr_rate_limited", Kind.TRANSIENT),
        ((403, "text/plain", "The API key is invalid"), "ocr_key_refused", Kind.PERMANENT),
        ((401, "text/plain", ""), "ocr_key_refused", Kind.PERMANENT),
        ((413, "text/html", "<h1>nginx</h1>"), "ocr_too_large", Kind.PERMANENT),
        ((502, "text/html", "<h1>Bad gateway</h1>"), "ocr_unavailable", Kind.TRANSIENT),
        ((302, "text/html", ""), "ocr_refused", Kind.PERMANENT),
        ((200, "text/html", "<h1>Sign in</h1>"), "ocr_unavailable", Kind.TRANSIENT),
        ((200, "text/plain", LIMIT), "ocr_rate_limited", Kind.TRANSIENT),
        (errored(99, [LIMIT]), "ocr_rate_limited", Kind.TRANSIENT),
        (errored(99, "Unknown parameter isTabel"), "ocr_refused", Kind.PERMANENT),
        (errored(99, ["The API key is not valid"]), "ocr_key_refused", Kind.PERMANENT),
        (
            errored(3, ["File size exceeds the maximum size limit. Maximum size limit 1024 KB"]),
            "ocr_too_large",
            Kind.PERMANENT,
        ),
        (errored(4, ["E101: Timed out waiting for results"]), "ocr_unavailable", Kind.TRANSIENT),
        (errored(4, None, ErrorDetails="no more"), "ocr_failed", Kind.PERMANENT),
        (errored(3, None), "ocr_failed", Kind.PERMANENT),
        (None, "ocr_unavailable", Kind.TRANSIENT),
    ],
)
def test_every_way_to_fail_has_a_code(
    ocrspace: OcrEngine, service: Service, answer: Answer | None, code: str, kind: Kind
) -> None:
    """Only what another try can help is transient, whatever the status is."""
    service.next.append(answer)
    fault = _fault(ocrspace)
    assert (fault.code, fault.kind) == (code, kind)
    assert KEY not in fault.message


@pytest.mark.parametrize(
    ("parsed", "code"),
    [(-20, "ocr_unavailable"), (-10, "ocr_failed"), (-30, "ocr_failed"), (0, "ocr_failed")],
)
def test_a_page_that_failed_alone_says_why(
    ocrspace: OcrEngine, service: Service, parsed: int, code: str
) -> None:
    """The exit code of the page counts where the request as a whole was taken."""
    page = {"FileParseExitCode": parsed, "ErrorMessage": "sorry", "ErrorDetails": ""}
    service.next.append(errored(3, None, ParsedResults=[page]))
    fault = _fault(ocrspace)
    assert (fault.code, fault.message) == (code, fault.message)
    assert "sorry" in fault.message


def test_a_page_without_text_is_no_failure() -> None:
    """Some answers to a blank page have no result at all."""
    answer = {"OCRExitCode": 1, "IsErroredOnProcessing": False, "ParsedResults": None}
    assert result(200, json.dumps(answer)) == {}


def test_a_key_that_is_not_known_is_refused(service: Service) -> None:
    """The receiver itself tells a wrong key as the service does."""
    engine = OcrSpaceEngine(OcrSpaceClient(service.url, "K8wrong").send)
    assert _fault(engine).code == "ocr_key_refused"


@pytest.mark.parametrize("key", ["helloworld", "HelloWorld ", "helloworld\n"])
def test_the_key_that_everybody_shares_is_refused(key: str) -> None:
    """The message says where a key of one's own comes from."""
    with pytest.raises(ReadingError, match=r"free of charge.*https://ocr\.space/ocrapi") as told:
        OcrSpaceClient("http://127.0.0.1:9/", key)
    assert told.value.code == "shared_key"


def test_a_page_that_is_too_large_is_recompressed(service: Service) -> None:
    """A noisy page is sent in the bytes that the plan takes, its boxes still in its own pixels."""
    random = np.random.default_rng(5)
    noisy = np.asarray(receipt().resize((1560, 2100))).astype(np.int16)
    noisy = np.clip(noisy + random.integers(-60, 60, noisy.shape), 0, 255).astype(np.uint8)
    service.most = 200_000
    engine = OcrSpaceEngine(OcrSpaceClient(service.url, KEY).send, max_upload=200_000)
    lines = engine.read(noisy)
    assert service.requests[0]["sizes"][0] <= 200_000
    assert max(line.box[2] for line in lines) > 1400


def test_a_page_that_fits_is_not_shrunk() -> None:
    """What is small enough keeps its pixels."""
    data, scale = encoded(PAGE, 1_000_000)
    assert scale == 1.0
    assert len(data) < 1_000_000


def test_a_page_that_no_plan_takes_is_an_error() -> None:
    """A limit below any picture ends, and says so."""
    with pytest.raises(ReadingError) as told:
        encoded(PAGE, 10)
    assert told.value.code == "ocr_too_large"


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_a_turned_page_is_turned_back(ocrspace: OcrEngine, rotation: int) -> None:
    """The service says that it turned the page; then the page is sent as it should lie."""
    image = np.ascontiguousarray(np.rot90(PAGE, rotation // 90))
    found, lines = read_upright(ocrspace.read, image)
    assert found == rotation
    assert sorted("".join(line.text for line in lines).replace(" ", "")) == sorted(LETTERS)


def test_a_service_that_is_not_there_is_transient() -> None:
    """No connection, and no word of the key in what is said."""
    with socket.socket() as idle:
        idle.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{idle.getsockname()[1]}/"
        fault = _fault(OcrSpaceEngine(OcrSpaceClient(url, KEY).send))
    assert (fault.code, fault.kind) == ("ocr_unavailable", Kind.TRANSIENT)
    assert KEY not in fault.message


def test_a_stop_ends_the_wait_for_the_service() -> None:
    """A service that never answers does not keep the daemon from stopping."""
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = OcrSpaceClient(f"http://127.0.0.1:{silent.getsockname()[1]}/", KEY)
        threading.Timer(0.05, stop.set).start()
        with pytest.raises(StoppedError):
            client.send({"picture": ""}, stop)


def test_the_key_goes_to_no_other_server(service: Service) -> None:
    """A redirect is not followed."""
    service.next.append((302, "text/plain", ""))
    assert _fault(OcrSpaceEngine(OcrSpaceClient(service.url, KEY).send)).code == "ocr_refused"
    assert len(service.requests) == 1


def test_neither_proxy_nor_netrc_of_the_environment_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pages go to the configured server alone, with the configured key alone."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login u password canary\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with Receiver() as trap, Receiver() as server:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(name, trap.plain_url)
        OcrSpaceClient(server.url, KEY).send({"picture": ""})
        [request] = server.requests
        assert trap.requests == []
    assert request.headers["apikey"] == KEY
    assert "authorization" not in request.headers


def test_a_redirect_to_no_address_is_an_answer() -> None:
    """What it points to is not even looked at."""
    with Receiver(otherwise=status(302, Location="http://[::1/")) as server:
        assert OcrSpaceClient(server.url, KEY).send({"picture": ""})["status"] == 302
