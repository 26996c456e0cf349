from __future__ import annotations

import sys
from contextlib import ExitStack

import pytest

from steadfit.core.memory import reused_memory

LARGE = 100 * 2**20


def faults_of_writing_twice() -> int:
    import resource

    def write() -> None:
        block = bytearray(LARGE)
        del block

    write()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    write()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="another allocator")
def test_a_large_block_is_mapped_once_inside_and_each_time_outside() -> None:
    pages = LARGE // 4096
    with reused_memory(), reused_memory():
        inside = faults_of_writing_twice()
    outside = faults_of_writing_twice()
    assert inside < pages / 10
    # Transparent large pages may make it fewer, never none.
    assert outside > inside


def test_blocks_may_end_in_any_order_and_by_errors() -> None:
    stack = ExitStack()
    stack.enter_context(reused_memory())
    with pytest.raises(KeyError), reused_memory():
        raise KeyError
    stack.close()
