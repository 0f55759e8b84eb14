from publisher.roll import Roll
from publisher.sources.reading import Reading
from publisher.summary import Gathered, Read, summarise
from rigwatch.figures import GPUS_MAX, Gpu


def _told(source: str, *cards: str) -> Gathered:
    gpus = tuple(Gpu(id=card, name=f"RTX {card}", hashrate=1.0) for card in cards)
    return Gathered(source, (Read(Reading(gpus=gpus)),))


def _failed(source: str) -> Gathered:
    return Gathered(source, (Read(error="Connection refused"),))


def _unseen(roll: Roll, *gathered: Gathered) -> list[str]:
    return [gpu.id for gpu in roll.unseen(gathered)]


def test_while_all_sources_work_no_card_is_unseen() -> None:
    roll = Roll()
    assert _unseen(roll, _told("miner", "a", "b"), _told("nvml", "a")) == []
    assert _unseen(roll, _told("miner", "a"), _told("nvml", "a")) == []


def test_a_card_that_only_a_failing_source_knows_stays_listed_without_figures() -> None:
    roll = Roll()
    assert _unseen(roll, _told("miner", "a", "b"), _told("nvml", "a")) == []
    gathered = [_failed("miner"), _told("nvml", "a")]
    summary = summarise(gathered, roll.unseen(gathered))
    assert summary.figures.gpus == (Gpu(id="a", name="RTX a", hashrate=1.0), Gpu(id="b", name="RTX b"))
    assert _unseen(roll, _told("miner", "a"), _told("nvml", "a")) == [], "and it is gone once the source says so"


def test_a_card_that_the_driver_has_lost_is_gone_although_the_miner_went_down_with_it() -> None:
    roll = Roll()
    assert _unseen(roll, _told("miner", "a", "b"), _told("nvml", "a", "b")) == []
    assert _unseen(roll, _failed("miner"), _told("nvml", "a")) == []
    assert _unseen(roll, _failed("miner"), _told("nvml")) == []


def test_a_card_that_had_gone_before_its_source_failed_stays_gone() -> None:
    roll = Roll()
    _unseen(roll, _told("miner", "a", "b"), _told("nvml", "c"))
    _unseen(roll, _told("miner", "a"), _told("nvml", "c"))
    assert _unseen(roll, _failed("miner"), _told("nvml", "c")) == ["a"]


def test_of_a_source_that_fails_what_it_told_in_the_same_interval_counts() -> None:
    roll = Roll()
    fails = Gathered("miner", (*_told("miner", "a").reads, *_failed("miner").reads, *_failed("miner").reads))
    assert _unseen(roll, fails, _told("nvml", "b")) == ["a"]


def test_where_nobody_tells_of_cards_there_is_no_list() -> None:
    roll = Roll()
    roll.unseen([_told("miner", "a")])
    gathered = [_failed("miner")]
    assert summarise(gathered, roll.unseen(gathered)).figures.gpus is None


def test_a_source_that_tells_of_other_cards_every_time_does_not_fill_the_memory() -> None:
    roll = Roll()
    roll.unseen([_told("miner", "a"), _told("nvml", "a")])
    assert _unseen(roll, _failed("miner")) == []
    for number in range(5):
        roll.unseen([_failed("miner"), _told("nvml", *(f"{number} {card}" for card in range(GPUS_MAX)))])
    assert _unseen(roll, _failed("miner")) == ["a"], "that nvml ever knew it is forgotten"
