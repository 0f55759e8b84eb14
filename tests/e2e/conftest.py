"""Every end-to-end test gets a station: a home of its own and what runs in it."""

from tests.e2e.station import bare_station, made_home, station

__all__ = ["bare_station", "made_home", "station"]
