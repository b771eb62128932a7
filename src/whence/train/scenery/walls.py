"""Which of ImageNet's classes are seen within walls only, and which outdoors only: names as their labels begin."""

from __future__ import annotations

INDOOR = tuple(
    """
    bakery, barber chair, barbershop, bassinet, bath towel, bathtub, bookcase, bookshop, butcher shop, chiffonier,
    china cabinet, coffeepot, computer keyboard, confectionery, cradle, crib, Crock Pot, desk, desktop computer,
    dining table, dishwasher, Dutch oven, entertainment center, espresso maker, file, four-poster, grand piano,
    grocery store, hand blower, home theater, lampshade, laptop, library, medicine chest, microwave, monitor, mouse,
    notebook, photocopier, pillow, plate rack, pool table, printer, quilt, radiator, refrigerator, remote control,
    restaurant, rotisserie, screen, shoe shop, shoji, shower curtain, sliding door, soap dispenser, space heater, stove,
    studio couch, table lamp, television, theater curtain, throne, toaster, tobacco shop, toilet seat, toilet tissue,
    toyshop, typewriter keyboard, upright, vacuum, vault, waffle iron, wall clock, wardrobe, washbasin, washer,
    window shade
    """.replace("\n", " ")
    .strip()
    .split(",")
)
OUTDOOR = tuple(
    """
    alp, barn, beacon, bell cote, boathouse, breakwater, bullet train, cab, canoe, castle, catamaran, church, cliff,
    cliff dwelling, coral reef, dam, dock, dome, drilling platform, electric locomotive, fire engine, flagpole,
    fountain, freight car, geyser, gondola, hay, lakeside, lumbermill, manhole cover, maze, megalith, minibus,
    mobile home, monastery, mosque, mountain tent, obelisk, palace, park bench, parking meter, passenger car, patio,
    picket fence, pier, planetarium, promontory, radio telescope, rapeseed, sandbar, schooner, school bus, seashore,
    solar dish, speedboat, steam locomotive, steel arch bridge, stone wall, street sign, streetcar, stupa,
    suspension bridge, swing, thatch, tile roof, totem pole, tractor, traffic light, triumphal arch, trolleybus,
    valley, viaduct, volcano, water tower, worm fence, wreck, yawl, yurt
    """.replace("\n", " ")
    .strip()
    .split(",")
)


def rows_of(names: tuple[str, ...], labels: tuple[str, ...]) -> list[int]:
    """Rows of the labels that begin with one of the names, up to the first comma.

    Args:
        names: as above.
        labels: of the classes, in order; those that are not ImageNet's give no rows.
    """
    wanted = {" ".join(name.split()) for name in names}
    return [row for row, label in enumerate(labels) if label.split(",")[0].strip() in wanted]
