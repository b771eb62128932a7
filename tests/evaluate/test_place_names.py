"""Names of answers against names of truths, by table and by column."""

import numpy as np

from whence.evaluate.place_names import names_at, right_names

PARIS, LYON, GENEVA, SEA = (48.8566, 2.3522), (45.76, 4.84), (46.204, 6.143), (30.0, -40.0)


def right(answers, truths, **columns):
    sides = [np.array(side, float).T for side in (answers, truths)]
    found = right_names(*sides[0], *sides[1], columns)
    return {level: values.tolist() for level, values in found.items()}


def test_names_by_our_tables():
    nowhere = (np.nan, np.nan)
    found = right([PARIS, LYON, GENEVA, nowhere], [PARIS, PARIS, LYON, PARIS])
    assert found == {"country": [1, 1, 0, 0], "region": [1, 0, 0, 0], "city": [1, 0, 0, 0]}
    assert np.isnan(right([PARIS], [SEA])["country"][0])
    assert names_at(np.empty(0), np.empty(0)) == {"country": [], "region": [], "city": []}


def test_names_by_the_columns_of_the_truth():
    towns = names_at(*np.array([PARIS, LYON]).T)["city"]  # a quarter may be the nearest place
    found = right(
        [PARIS, LYON, LYON],
        [PARIS, LYON, LYON],
        country=["France", "FR", ""],
        region=["Île-de-France", "somewhere", ""],
        city=[towns[0].upper(), towns[1], "Paris, Texas"],
    )
    assert found["country"][:2] == [1, 1]
    assert np.isnan(found["country"][2])
    assert found["region"][1] == 0
    assert found["city"] == [1, 1, 0]
    assert right([PARIS], [LYON], country=["Atlantis"])["country"] == [0]
    assert right([PARIS], [LYON], country_iso2=["CH"])["country"] == [0]
