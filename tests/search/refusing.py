"""What every refusal of the server has in common."""

import httpx


def refused(answer: httpx.Response, *status: int) -> str:
    """The sentence of a refusal, which has one of these statuses and tells nothing of the machine."""
    assert answer.status_code in status, (answer.status_code, answer.text)
    text = str(answer.json()["error"])
    assert text.endswith((".", "?", "!")), text
    assert not [part for part in ("/tmp", "/home", "/root", "site-packages", "Traceback", ".py") if part in text], text
    return text
