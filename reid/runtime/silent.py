"""OpenVINO and NNCF, imported so that they report nothing to their makers."""

import contextlib
import functools
import importlib
import importlib.util
import logging
import sys
from collections.abc import Iterator
from typing import Any

_REPORTER = "openvino_telemetry"
"""The library by which OpenVINO and NNCF report to their makers."""


def has_openvino() -> bool:
    """Says whether OpenVINO is installed."""
    return importlib.util.find_spec("openvino") is not None


def has_nncf() -> bool:
    """Says whether NNCF is installed, which makes networks of 8-bit numbers for OpenVINO."""
    return importlib.util.find_spec("nncf") is not None


@functools.cache
def silent_openvino() -> Any:
    """OpenVINO, imported so that it reports nothing.

    As it is, its import alone forks this process and tells its makers over the network that it was used. What does
    that is a library of its own; where it cannot be imported, OpenVINO puts a stand-in in its place.
    """
    with _without_reporter():
        openvino = importlib.import_module("openvino")
        importlib.import_module("openvino.frontend.pytorch.ts_decoder")
    return openvino


@functools.cache
def silent_nncf() -> Any:
    """NNCF, imported so that it reports nothing and says only what went wrong."""
    for name in ("nncf", "torch.utils.cpp_extension"):  # the latter misses a GPU
        logging.getLogger(name).setLevel(logging.ERROR)
    with _without_reporter():
        nncf = importlib.import_module("nncf")
    nncf.set_log_level(logging.ERROR)
    return nncf


@contextlib.contextmanager
def _without_reporter() -> Iterator[None]:
    known = sys.modules.get(_REPORTER)
    sys.modules[_REPORTER] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[_REPORTER]
        if known is not None:
            sys.modules[_REPORTER] = known
