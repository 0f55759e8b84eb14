"""A real PgBouncer in front of the tests' PostgreSQL, in transaction mode: as hosted databases give it to people."""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.ports import free_port, is_listening
from tests.postgres import server_account
from tests.requirements import program
from tests.waiting import eventually

_PLACES = ("/usr/sbin/pgbouncer", "/usr/bin/pgbouncer")


@contextmanager
def pooled(url: str) -> Iterator[str]:
    """The address of the same database behind a pooler, which gives each transaction any of its three connections."""
    port, name = free_port(), url.rpartition("/")[2]
    server_port = url.rpartition(":")[2].partition("/")[0]
    with tempfile.TemporaryDirectory(prefix="rigwatch-pgbouncer-") as folder:
        # The account that runs it must reach the folder, which mkdtemp made for its owner alone.
        Path(folder).chmod(0o755)
        settings = Path(folder) / "pgbouncer.ini"
        settings.write_text(
            f"[databases]\n{name} = host=127.0.0.1 port={server_port} user=test\n"
            f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n"
            "pool_mode = transaction\ndefault_pool_size = 3\n",
            "utf-8",
        )
        settings.chmod(0o644)
        command: list[str | Path] = [program("pgbouncer", places=_PLACES), settings]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **server_account())
        try:
            eventually(lambda: is_listening(port), what="PgBouncer listens")
            yield f"postgresql://test@127.0.0.1:{port}/{name}"
        finally:
            process.terminate()
            process.wait(timeout=30)
