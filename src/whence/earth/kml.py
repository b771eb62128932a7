"""Features as KML 2.2, which Google Earth and most GIS programs open."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence

from whence.earth.formats import Feature

_KML_NAMESPACE = "http://www.opengis.net/kml/2.2"
_KML_STYLES = {
    "answer": ("ff1c4bd6", "00000000"),
    "candidate": ("ff4d4d4d", "00000000"),
    "credible50": ("ff1c1cb0", "661c4bd6"),
    "credible90": ("ff4a82f0", "334a82f0"),
}


def features_to_kml(features: Sequence[Feature], name: str, description: str = "") -> str:
    """KML 2.2 document that Google Earth opens.

    Args:
        features: points and polygons.
        name: title of the document.
        description: text below it.
    """
    ET.register_namespace("", _KML_NAMESPACE)
    root = ET.Element(_tag("kml"))
    document = ET.SubElement(root, _tag("Document"))
    _text(document, "name", name)
    if description:
        _text(document, "description", description)
    for style, (line, fill) in _KML_STYLES.items():
        element = ET.SubElement(document, _tag("Style"), id=style)
        icon = ET.SubElement(element, _tag("IconStyle"))
        _text(icon, "color", line)
        stroke = ET.SubElement(element, _tag("LineStyle"))
        _text(stroke, "color", line)
        _text(stroke, "width", "2")
        _text(ET.SubElement(element, _tag("PolyStyle")), "color", fill)
    for feature in features:
        _placemark(document, feature)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _tag(name: str) -> str:
    return f"{{{_KML_NAMESPACE}}}{name}"


def _text(parent: ET.Element, name: str, text: str) -> None:
    allowed = "".join(c for c in text if c in "\t\n" or (ord(c) >= 32 and not 0xD800 <= ord(c) <= 0xDFFF))
    ET.SubElement(parent, _tag(name)).text = "".join(c for c in allowed if c not in "\ufffe\uffff")


def _placemark(document: ET.Element, feature: Feature) -> None:
    mark = ET.SubElement(document, _tag("Placemark"))
    _text(mark, "name", feature.name)
    if feature.style:
        _text(mark, "styleUrl", f"#{feature.style}")
    data = ET.SubElement(mark, _tag("ExtendedData"))
    for key, value in feature.properties.items():
        if isinstance(value, (str, int, float)):
            _text(ET.SubElement(data, _tag("Data"), name=key), "value", str(value))
    geometry = feature.geometry
    if geometry.geom_type == "Point":
        point = ET.SubElement(mark, _tag("Point"))
        _text(point, "coordinates", f"{geometry.x:.7f},{geometry.y:.7f}")
        return
    if geometry.geom_type == "LineString":
        line = ET.SubElement(mark, _tag("LineString"))
        _text(line, "tessellate", "1")
        _text(line, "coordinates", " ".join(f"{x:.9g},{y:.9g}" for x, y in geometry.coords))
        return
    several = ET.SubElement(mark, _tag("MultiGeometry"))
    for polygon in geometry.geoms:
        shape = ET.SubElement(several, _tag("Polygon"))
        _text(shape, "tessellate", "1")
        for side, rings in (("outerBoundaryIs", [polygon.exterior]), ("innerBoundaryIs", polygon.interiors)):
            for ring in rings:
                line = ET.SubElement(ET.SubElement(shape, _tag(side)), _tag("LinearRing"))
                _text(line, "coordinates", " ".join(f"{x:.9g},{y:.9g}" for x, y in ring.coords))
