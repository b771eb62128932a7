"use strict";
// The projections of whence.earth.projection, from pixels back to degrees.
const unproject = (() => {
  const RADIUS = 6371.0071809, RAD = Math.PI / 180;
  const A = [1.340264, -0.081106, 0.000893, 0.003796], M = Math.sqrt(3) / 2;
  const E2 = 0.0066943799901413165, E = Math.sqrt(E2), E4 = E2 * E2, E6 = E4 * E2;
  const q = (sine) => (1 - E2) * (sine / (1 - E2 * sine * sine) + Math.atanh(E * sine) / E);
  const authalic = (lat) => Math.asin(Math.min(Math.max(q(Math.sin(lat)) / q(1), -1), 1));
  const geodetic = (lat) => lat + (E2 / 3 + (31 * E4) / 180 + (517 * E6) / 5040) * Math.sin(2 * lat)
    + ((23 * E4) / 360 + (251 * E6) / 3780) * Math.sin(4 * lat) + ((761 * E6) / 45360) * Math.sin(6 * lat);

  return (view, px, py) => {
    const scale = view.kmPerPx / RADIUS, x = (px - view.width / 2) * scale, y = (view.height / 2 - py) * scale;
    let lat, lon;
    if (view.world) {
      let t = y / A[0];
      for (let i = 0; i < 8; i++) {
        const s = t * t, s3 = s * s * s;
        t -= (t * (A[0] + A[1] * s + s3 * (A[2] + A[3] * s)) - y) / (A[0] + 3 * A[1] * s + s3 * (7 * A[2] + 9 * A[3] * s));
      }
      const s = t * t, s3 = s * s * s;
      lon = M * x * (A[0] + 3 * A[1] * s + s3 * (7 * A[2] + 9 * A[3] * s)) / Math.cos(t);
      lat = Math.asin(Math.sin(t) / M);
      if (!(Math.abs(lon) <= Math.PI)) return null;
    } else {
      const rho = Math.hypot(x, y), c = 2 * Math.asin(rho / 2), middle = authalic(view.lat * RAD);
      if (Number.isNaN(c)) return null;
      const safe = rho || 1;
      lat = rho ? Math.asin(Math.cos(c) * Math.sin(middle) + (y * Math.sin(c) * Math.cos(middle)) / safe) : middle;
      lon = Math.atan2(x * Math.sin(c), safe * Math.cos(middle) * Math.cos(c) - y * Math.sin(middle) * Math.sin(c));
    }
    if (Number.isNaN(lat)) return null;
    return { lat: geodetic(lat) / RAD, lon: ((((lon / RAD + view.lon + 180) % 360) + 360) % 360) - 180 };
  };
})();
