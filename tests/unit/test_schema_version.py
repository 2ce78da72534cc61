"""The version that the daemon asks for, without Alembic."""

import subprocess
import sys

from alembic.script import ScriptDirectory

from schema.install import _alembic, expected_version


def test_it_is_the_one_that_alembic_finds() -> None:
    assert expected_version() == ScriptDirectory.from_config(_alembic()).get_current_head()


def test_the_daemon_starts_without_alembic() -> None:
    script = "import sys; import daemon.cli.run; sys.exit('alembic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
