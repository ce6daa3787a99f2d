"""find --context: what it does not go with, in one line."""

import pytest

from tools.main import main


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--crop", "a.png"], "--context does not go with --crop, which shows nobody else; leave one of the two out"),
        (["--frame", "a.png", "--box", "1,2,30,40", "--rerank"], "--context does not go with --rerank; leave one"),
    ],
)
def test_context_that_cannot_be(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["find", "people", "--second-stage", "crops", "--context", *words]) == 2
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert message in line
