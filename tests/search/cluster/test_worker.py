"""Workers load the models that the gallery is made with, and say in one line where they cannot."""

import dataclasses
import pickle
from pathlib import Path

import pytest
from stand_ins import write_stand_ins

from search.cluster.worker import Looking, Worker
from search.models.model_files import ModelFiles
from search.pipeline import PersonSearch


def test_a_worker_refuses_models_that_are_not_the_gallerys(tmp_path: Path) -> None:
    write_stand_ins(tmp_path / "detection", tmp_path / "reid")
    joint = tmp_path / "detection" / "weights" / "people.safetensors"
    search = PersonSearch.from_files(ModelFiles(joint), device="cpu", mirrored=True, batch_size=3)
    looking = pickle.loads(pickle.dumps(Looking.like(search, 0.5, search.description)))
    assert (looking.batch_size, looking.mirrored, looking.averaging) == (3, True, None)
    assert looking.search().embedded_by == search.embedded_by
    plain = dataclasses.replace(looking, mirrored=False)
    with pytest.raises(ValueError, match=r"the worker on \S+ cannot begin: .*embeds without --mirrored"):
        Worker(plain).begin()
    gone = dataclasses.replace(looking, files=ModelFiles(tmp_path / "gone.safetensors"))
    with pytest.raises(ValueError, match=r"the worker on \S+ cannot begin: .*gone.safetensors"):
        Worker(gone).begin()
