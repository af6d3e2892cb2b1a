'use strict';
// The page of a sweep: points, their Pareto front, filters.
if (document.body.dataset.kind === 'sweep') (() => {
  const {data, page, colours, element, section, fixed, whole, table, chart, axis} = report;
  const feasible = data.points.filter(p => p.feasible), refused = data.points.filter(p => !p.feasible);
  const metrics = [...new Set(feasible.flatMap(p => Object.keys(p.metrics)))];
  const axes = [...new Set(data.points.flatMap(p => Object.keys(p.settings)))];
  const names = {latency_ms: 'latency, ms', dsp: 'DSP slices', bram18k: 'block RAMs (18 Kbit)', gmacs: 'billion MACs',
    tiles: 'tiles', energy_mj: 'energy, mJ', power_w: 'power, W'};
  const title = m => names[m] || m;
  const text = v => v === null || v === undefined ? '-' : typeof v === 'object' ? JSON.stringify(v) : String(v);
  const number = v => Number.isInteger(v) ? whole(v) : fixed(v, 3);

  page.append(element('h1', {}, 'Design space: ' + data.title));
  page.append(element('p', {class: 'soft'}, 'All figures are better when they are smaller. A point is on the Pareto front ' +
    'when no other shown point is at least as good in both figures and better in one.'));
  if (data.completeness) page.append(element('p', {class: 'note'}, 'Only ' + data.completeness + ' points of the sweep are ' +
    'in this file: the front is that of a part.'));
  const cards = element('div', {class: 'cards'});
  const card = (value, what, key) => cards.append(element('div', {class: 'card'},
    element('b', {'data-key': key, 'data-value': value}, whole(value)), element('span', {}, what)));
  card(data.points.length, 'points', 'points');
  card(feasible.length, 'feasible', 'feasible');
  const beyond = refused.filter(p => p.reason.includes(' exceeds the limit '));
  if (beyond.length > 0) card(beyond.length, 'beyond a limit', 'beyond');
  card(refused.length - beyond.length, 'cannot be built', 'infeasible');
  page.append(cards);

  // Points that no other beats in both figures, by rising x.
  function front_of(points, x, y) {
    const sorted = [...points].sort((a, b) => a.metrics[x] - b.metrics[x] || a.metrics[y] - b.metrics[y]);
    let best = Infinity;
    return sorted.filter(p => p.metrics[y] < best && ((best = p.metrics[y]), true));
  }

  if (feasible.length > 0 && metrics.length > 1) {
    const place = section('front', 'The Pareto front', 'Move over a dot to see its settings; narrow the points with the lists.');
    const wanted = data.objectives.filter(o => metrics.includes(o));
    const select = (label, options, chosen) => {
      const list = element('select', {}, ...options.map(([value, shown]) => element('option', {value}, shown)));
      list.value = chosen;
      filters.append(element('label', {}, label, list));
      list.addEventListener('change', draw);
      return list;
    };
    const filters = element('div', {class: 'filters'});
    place.append(filters);
    const figures = metrics.map(m => [m, title(m)]);
    const x_list = select('across', figures, wanted[0] || metrics[0]);
    const y_list = select('up', figures, wanted[1] || metrics[1]);
    const lists = axes.map(a => {
      const values = [...new Set(feasible.map(p => text(p.settings[a])))];
      values.sort((p, q) => Number(p) - Number(q) || p.localeCompare(q));
      return [a, select(a, [['', 'any'], ...values.map(v => [v, v])], '')];
    });
    const settings = p => axes.map(a => a + ' = ' + text(p.settings[a]));
    const plot = chart(place, 460, 'Scatter: all points and the Pareto front', {type: 'scatter', data: {datasets: [
      {label: 'Pareto front', data: [], borderColor: colours[1], backgroundColor: colours[1], showLine: true, stepped: 'before',
        pointRadius: 5, pointHoverRadius: 8, order: 0},
      {label: 'other points', data: [], backgroundColor: colours[0] + '88', pointRadius: 3, pointHoverRadius: 6, order: 1}]},
      options: {scales: {x: axis(''), y: axis('')}, plugins: {tooltip: {callbacks: {
        label: c => ['point ' + c.raw.point.number, ...metrics.map(m => title(m) + ': ' + number(c.raw.point.metrics[m])),
          ...settings(c.raw.point)]}}}}});
    const list = element('div', {id: 'front-table'});
    place.append(list);

    function draw() {
      const x = x_list.value, y = y_list.value;
      const shown = feasible.filter(p => lists.every(([a, l]) => l.value === '' || l.value === text(p.settings[a])) &&
        p.metrics[x] !== undefined && p.metrics[y] !== undefined);
      const front = front_of(shown, x, y), on_front = new Set(front);
      const dot = p => ({x: p.metrics[x], y: p.metrics[y], point: p});
      plot.data.datasets[0].data = front.map(dot);
      plot.data.datasets[1].data = shown.filter(p => !on_front.has(p)).map(dot);
      plot.options.scales.x.title.text = title(x);
      plot.options.scales.y.title.text = title(y);
      plot.update();
      list.replaceChildren(element('p', {class: 'soft'}, front.length + ' of ' + shown.length + ' points shown are on the front:'),
        table(['point', ...metrics.map(title), ...axes], front.map(p => [{text: String(p.number), value: p.number, key: 'front'},
          ...metrics.map(m => ({text: number(p.metrics[m]), value: p.metrics[m], key: 'front.' + p.number + '.' + m})),
          ...axes.map(a => text(p.settings[a]))])));
    }
    draw();
  }

  if (refused.length > 0) {
    const reasons = new Map();
    for (const p of refused) {
      const reason = p.reason.replace(/ [\d.]+ exceeds/, ' exceeds');  // by limit, not by value
      reasons.set(reason, (reasons.get(reason) || 0) + 1);
    }
    const rows = [...reasons.entries()].sort((a, b) => b[1] - a[1]).slice(0, 30);
    section('refused', 'What cannot be built', 'Points by reason, the most frequent first.',
      table(['reason', 'points'], rows.map(([r, n]) => [r, {text: whole(n), value: n, key: 'reason'}])));
  }
  report.origin(data.provenance);
  document.body.dataset.ready = 'yes';
})();
