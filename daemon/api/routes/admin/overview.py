"""How things stand."""

from daemon.api.admin.overview import Overview
from daemon.api.routes.admin.staff import Staff, WithAdmin, staff_router

router = staff_router("/overview")


@router.get("")
async def get_overview(_: Staff, admin: WithAdmin) -> Overview:
    """Deliveries of the last 24 hours, what waits, and who is connected."""
    return await admin.overviews.now()
