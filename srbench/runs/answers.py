"""What a scoring job still owes: each value and each image once, so that none is counted twice or missed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from srbench.errors import Code, Failure, counted
from srbench.execution.events import ImageDone, ValueScored

if TYPE_CHECKING:
    from srbench.execution.events import Event
    from srbench.execution.jobs import Job


class Owed:
    """The values and images of a job that have not come yet."""

    def __init__(self, job: Job) -> None:
        self.cells = {cell.key for cells in job.images.values() for cell in cells}
        self.images = set(job.images)

    def takes(self, event: Event) -> bool:
        """Return whether an event is no value or image, or one that is owed; it is then no longer."""
        if not isinstance(event, ValueScored | ImageDone):
            return True
        owed, name = (self.cells, event.cell) if isinstance(event, ValueScored) else (self.images, event.image)
        if name not in owed:
            return False
        owed.remove(name)
        return True

    @property
    def fault(self) -> Failure | None:
        """The failure of a job that ended as if nothing were missing, though something is."""
        lost = len(self.cells) + len(self.images)
        return Failure(Code.LOST, f"{counted(lost, 'answer')} of its worker did not come") if lost else None
