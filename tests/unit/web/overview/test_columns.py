"""A column of which no node has a figure is not there."""

import pytest
from werkzeug.datastructures import MultiDict

from tests.unit.web.made import fleet, node
from web.errors import BadQuery
from web.node_view import FleetView
from web.overview.columns import columns_of, heads, needs_averages
from web.overview.listing import Listing, Sort

CARDS = [{"id": "1"}, {"id": "2"}]


def labels(of: FleetView, listing: Listing | None = None) -> list[str]:
    listing = listing or Listing()
    return [head.label for head in heads(listing, columns_of(of.views, listing))]


def test_of_a_node_that_told_nothing_there_is_what_every_node_has() -> None:
    assert labels(fleet(node())) == ["Status", "Node", "Site · host", "Hashrate", "Average", "Last report"]


def test_one_node_that_has_a_figure_gives_it_a_column() -> None:
    assert labels(fleet(node(), node("b", hashrate=5, power=2))) == [
        "Status", "Node", "Site · host", "Hashrate", "Per watt", "Power", "Average", "Last report",
    ]  # fmt: skip
    of_a_chain = labels(fleet(node(peers=0, block=7, temperature=0)))
    assert of_a_chain[4:] == ["Peers", "Block", "Temp.", "Average", "Last report"]


def test_cards_are_counted_where_there_are_several_of_them() -> None:
    assert "Cards" not in labels(fleet(node(gpus=CARDS[:1])))
    assert "Cards" in labels(fleet(node(gpus=CARDS[:1]), node("b", gpus=CARDS)))
    assert "Cards" in labels(fleet(node(boards=CARDS)))


def test_the_algorithm_stands_there_where_it_differs() -> None:
    same = fleet(node(hashrate=1, algorithm="Etchash"), node("b", hashrate=1, algorithm="etchash"))
    assert "Algorithm" not in labels(same)
    assert "Algorithm" in labels(fleet(node(algorithm="etchash"), node("b", algorithm="kawpow")))


def test_what_the_list_is_ordered_by_keeps_its_head() -> None:
    assert "Peers" in labels(fleet(node()), Listing(Sort.PEERS))


def test_chosen_columns_are_the_only_ones_but_for_what_every_list_has() -> None:
    listing = Listing.parse({"cols": "samples,power", "sort": "peers"})
    assert labels(fleet(node(hashrate=1)), listing) == ["Status", "Node", "Peers", "Power", "Samples", "Last report"]
    assert Listing.parse({"cols": "power samples"}).query() == "?cols=power+samples"
    asked = MultiDict([("cols", "power"), ("cols", "samples")])
    assert Listing.parse(asked) == Listing.parse({"cols": "samples power"})
    with pytest.raises(BadQuery, match="cols: 'nothing' is not one of status, name"):
        Listing.parse({"cols": "power nothing"})


def test_averages_are_read_only_where_a_column_shows_them() -> None:
    assert needs_averages(columns_of(fleet(node()).views, Listing()))
    assert not needs_averages(columns_of(fleet(node()).views, Listing.parse({"cols": "power"})))
