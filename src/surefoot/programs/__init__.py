"""Any program as a ground of the race: started, listened to, paused, gone on with and stopped."""

from surefoot.programs.command import Command
from surefoot.programs.executor import Executor, Handle, Local
from surefoot.programs.ground import Programs
from surefoot.programs.journal import Journal
from surefoot.programs.reading import Source

__all__ = ["Command", "Executor", "Handle", "Journal", "Local", "Programs", "Source"]
