"""Tables that are kept beside the memory."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa


def held(stream: Any) -> pa.Table:
    """Read a table into a file that memory maps and nobody else sees."""
    import pyarrow as pa  # noqa: PLC0415 - heavy

    reader = pa.RecordBatchReader.from_stream(stream)
    with tempfile.NamedTemporaryFile(prefix="ctcore-scan-") as file:
        with pa.ipc.new_file(file, reader.schema) as writer:
            for batch in reader:
                writer.write_batch(batch)
        file.flush()
        # The name goes with the block, the file with the last table that is mapped to it.
        return pa.ipc.open_file(pa.memory_map(file.name)).read_all()
