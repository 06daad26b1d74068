"""A core in its own process, which the tests of one file share: starting one takes seconds."""

from collections.abc import Iterator

import pytest

from lmcore.process.client.client import CoreClient
from lmcore.protocol.messages import Finished, Ready, Rejected, Stop
from tests.warm import fork_core


@pytest.fixture(scope="module")
def shared_core(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CoreClient]:
    """A core that has loaded."""
    with CoreClient(log_folder=tmp_path_factory.mktemp("logs"), launch=fork_core) as core:
        core.wait_for(Ready)
        yield core


@pytest.fixture
def core(shared_core: CoreClient) -> Iterator[CoreClient]:
    """The same core, without a run that goes on."""
    yield shared_core
    begin = len(shared_core.events)
    shared_core.send(Stop())
    shared_core.wait_for((Rejected, Finished), after=begin)
