// The fills of a security over the price, with zoom: time in which nothing happened, nights say, takes no room.

const QUIET = 2 * 3600;

/** Return the stretches of time in which something happened, {from, to, at}: `at` is where it begins on the axis. */
function stretches(times) {
  const sorted = Float64Array.from(times).sort();
  const found = [];
  for (const time of sorted) {
    const last = found[found.length - 1];
    if (last && time - last.to < QUIET) last.to = time;
    else found.push({ from: time, to: time });
  }
  const gap = Math.max(60, found.reduce((sum, one) => sum + one.to - one.from, 0) * 0.01 / Math.max(found.length, 1));
  let at = 0;
  for (const one of found) { one.at = at; at += one.to - one.from + gap; }
  return found;
}

function stretchAt(found, key, value) {
  let [low, high] = [0, found.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (found[middle][key] <= value) low = middle; else high = middle - 1;
  }
  return found[low];
}

function toAxis(found, time) {
  const one = stretchAt(found, "from", time);
  return one.at + Math.min(time, one.to) - one.from;
}

function toTime(found, at) {
  const one = stretchAt(found, "at", at);
  return Math.min(one.from + at - one.at, one.to);
}

/** Draw the fills of `security` into `box`: the wheel zooms, dragging moves, a double click shows all. */
function fillsChart(box, security) {
  const market = { times: unpack(security.market.times), values: unpack(security.market.values) };
  const fills = Object.fromEntries(["times", "sides", "prices", "quantities", "realized", "positions", "pnl"].map((name) => [name, unpack(security[name])]));
  const found = stretches([...market.times, ...fills.times]);
  const last = found[found.length - 1];
  const end = Math.max(last.at + last.to - last.from, 1);
  const at = { market: market.times.map((time) => toAxis(found, time)), fills: fills.times.map((time) => toAxis(found, time)) };
  const view = { from: 0, to: end };
  const canvas = el("canvas", { tabindex: 0, "aria-label": `fills of ${security.name}` });
  box.replaceChildren(canvas);
  const picture = { canvas, market, fills, found, at, view, end };
  const draw = () => drawFills(box, picture);
  keepDrawn(draw);
  steer(picture, draw);
}

const PANELS = [["price", 0.6], ["shares", 0.18], ["realised P&L", 0.22]];

function drawFills(box, picture) {
  const { canvas, market, fills, at, view } = picture;
  const width = Math.max(280, box.clientWidth);
  const height = 460;
  const ratio = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  canvas.style.height = `${height}px`;
  const draw = canvas.getContext("2d");
  draw.scale(ratio, ratio);
  draw.font = "11.5px system-ui, sans-serif";
  const [left, right] = [MARGIN.left, width - MARGIN.right];
  const x = scale(view.from, view.to, left, right);
  Object.assign(picture, { x, left, right });
  const seen = (places) => { const kept = []; for (let place = 0; place < places.length; place += 1) if (places[place] >= view.from && places[place] <= view.to) kept.push(place); return kept; };
  const [inMarket, inFills] = [seen(at.market), seen(at.fills)];
  let top = 16;
  const panels = PANELS.map(([name, share]) => { const panel = { name, top, bottom: top + (height - 100) * share }; top += (height - 100) * share + 24; return panel; });
  const prices = [inMarket.map((place) => market.values[place]), inFills.map((place) => fills.prices[place])];
  const y = axisOfPanel(draw, panels[0], extent(prices), left, right);
  picture.y = y;
  draw.save();
  draw.beginPath();
  draw.rect(left, 0, right - left, height - 30);
  draw.clip();
  lineOf(draw, inMarket.length ? inMarket : inFills, inMarket.length ? at.market : at.fills, inMarket.length ? market.values : fills.prices, x, y, colour("faint"), 1);
  marks(draw, inFills, picture);
  draw.restore();
  for (const [panel, values] of [[panels[1], fills.positions], [panels[2], fills.pnl]]) {
    const before = at.fills.findLastIndex((place) => place < view.from);
    const places = before >= 0 ? [before, ...inFills] : inFills;
    const along = axisOfPanel(draw, panel, extent([places.map((place) => values[place])], true), left, right);
    draw.save();
    draw.beginPath();
    draw.rect(left, 0, right - left, height);
    draw.clip();
    steps(draw, places, at.fills, values, x, along, right);
    draw.restore();
  }
  timeAxis(draw, picture, height);
}

function axisOfPanel(draw, panel, [low, high], left, right) {
  const room = (high - low || Math.abs(high) || 1) * 0.04;
  const y = scale(low - room, high + room, panel.bottom, panel.top);
  draw.textAlign = "right";
  for (const value of ticks(low, high, Math.max(2, Math.round((panel.bottom - panel.top) / 45)))) {
    draw.strokeStyle = colour(value === 0 ? "faint" : "line");
    draw.beginPath(); draw.moveTo(left, y(value)); draw.lineTo(right, y(value)); draw.stroke();
    draw.fillStyle = colour("soft");
    draw.fillText(brief(value), left - 8, y(value) + 4);
  }
  draw.textAlign = "left";
  draw.fillStyle = colour("soft");
  draw.fillText(panel.name, left, panel.top - 4);
  return y;
}

function lineOf(draw, places, at, values, x, y, tone, width) {
  draw.strokeStyle = tone;
  draw.lineWidth = width;
  draw.beginPath();
  places.forEach((place, turn) => { if (turn) draw.lineTo(x(at[place]), y(values[place])); else draw.moveTo(x(at[place]), y(values[place])); });
  draw.stroke();
  draw.lineWidth = 1;
}

function steps(draw, places, at, values, x, y, right) {
  draw.strokeStyle = colour("accent");
  draw.beginPath();
  places.forEach((place, turn) => {
    if (turn) { draw.lineTo(x(at[place]), y(values[places[turn - 1]])); draw.lineTo(x(at[place]), y(values[place])); }
    else draw.moveTo(x(at[place]), y(values[place]));
  });
  if (places.length) draw.lineTo(right, y(values[places[places.length - 1]]));
  draw.stroke();
}

function marks(draw, places, { fills, at, x, y }) {
  const size = places.length > 2000 ? 3 : places.length > 300 ? 4 : 6;
  for (const place of places) {
    const up = fills.sides[place] > 0;
    const [left, top] = [x(at.fills[place]), y(fills.prices[place])];
    draw.fillStyle = colour(up ? "good" : "bad");
    draw.beginPath();
    draw.moveTo(left, top + (up ? -size : size));
    draw.lineTo(left - size * 0.8, top + (up ? size * 0.7 : -size * 0.7));
    draw.lineTo(left + size * 0.8, top + (up ? size * 0.7 : -size * 0.7));
    draw.fill();
  }
}

function timeAxis(draw, { found, view, x, left, right }, height) {
  const count = Math.max(2, Math.floor((right - left) / 130));
  const within = toTime(found, view.to) - toTime(found, view.from) < 3 * 86400;
  draw.textAlign = "center";
  draw.fillStyle = colour("soft");
  for (let turn = 0; turn <= count; turn += 1) {
    const at = view.from + ((view.to - view.from) * turn) / count;
    const label = clock(toTime(found, at));
    const where = Math.min(right - 40, Math.max(left + 30, x(at)));
    draw.fillText(within ? label.slice(5, 16) : label.slice(0, 10), where, height - 10);
  }
}

function steer(picture, draw) {
  const { canvas, view, end } = picture;
  let held = null;
  const axisAt = (event) => view.from + ((event.clientX - canvas.getBoundingClientRect().left - picture.left) / (picture.right - picture.left)) * (view.to - view.from);
  const keep = (from, to) => {
    const span = Math.min(end, Math.max(to - from, 30));
    view.from = Math.min(Math.max(0, from), end - span);
    view.to = view.from + span;
    draw();
  };
  const zoom = (centre, factor) => keep(centre - (centre - view.from) * factor, centre + (view.to - centre) * factor);
  canvas.addEventListener("wheel", (event) => { event.preventDefault(); zoom(axisAt(event), event.deltaY > 0 ? 1.25 : 0.8); }, { passive: false });
  canvas.addEventListener("pointerdown", (event) => { held = { x: event.clientX, ...view }; canvas.setPointerCapture(event.pointerId); });
  canvas.addEventListener("pointerup", () => { held = null; });
  canvas.addEventListener("dblclick", () => keep(0, end));
  canvas.addEventListener("keydown", (event) => {
    const step = (view.to - view.from) / 5;
    const middle = (view.from + view.to) / 2;
    const done = { ArrowLeft: () => keep(view.from - step, view.to - step), ArrowRight: () => keep(view.from + step, view.to + step), "+": () => zoom(middle, 0.7), "-": () => zoom(middle, 1.4), 0: () => keep(0, end) }[event.key];
    if (done) { event.preventDefault(); done(); }
  });
  canvas.addEventListener("pointermove", (event) => {
    if (held) {
      const moved = ((held.x - event.clientX) / (picture.right - picture.left)) * (held.to - held.from);
      keep(held.from + moved, held.to + moved);
      return;
    }
    const place = nearestFill(picture, event);
    if (place >= 0) tip(event, toldFill(picture.fills, place)); else untip();
  });
  canvas.addEventListener("pointerleave", untip);
}

function nearestFill({ canvas, at, fills, x, y }, event) {
  const where = canvas.getBoundingClientRect();
  const [left, top] = [event.clientX - where.left, event.clientY - where.top];
  let [best, distance] = [-1, 12 ** 2];
  for (let place = 0; place < at.fills.length; place += 1) {
    const away = (x(at.fills[place]) - left) ** 2 + (y(fills.prices[place]) - top) ** 2;
    if (away < distance) [best, distance] = [place, away];
  }
  return best;
}

function toldFill(fills, place) {
  return [clock(fills.times[place]), `${fills.sides[place] > 0 ? "bought" : "sold"} ${write(fills.quantities[place], "count")} at ${write(fills.prices[place])}`,
    `realised ${write(fills.realized[place], "money")}, in all ${write(fills.pnl[place], "money")}`, `position ${write(fills.positions[place], "count")}`].join("\n");
}
