'use strict';
// The page of a comparison: runs side by side, the first one is what the others are held against.
if (document.body.dataset.kind === 'compare') (() => {
  const {data, page, colours, element, section, fixed, table, chart, axis, names_axis} = report;
  const names = data.runs.map(r => r.name);
  const percent = v => v === null ? 'new' : v === 0 ? '=' : (v > 0 ? '+' : '') + fixed(v, 1) + ' %';

  page.append(element('h1', {}, data.runs.length + ' runs side by side'));
  page.append(element('p', {class: 'soft'}, 'The first run is what the others are held against.'));
  section('runs', 'The runs', null, table(['run', 'file', 'model', 'mode'],
    data.runs.map(r => [r.name, r.file, r.model || '-', r.mode || '-'])));
  const text = v => v === null ? '-' : Array.isArray(v) ? v.join(', ') || '-' : typeof v === 'object' ? JSON.stringify(v) : String(v);
  section('options', 'Options that differ', data.options.length === 0 ? 'None.' : null,
    data.options.length === 0 ? null : table(['option', ...names], data.options.map(o => [o.option, ...o.values.map(text)])));

  for (const [index, t] of data.tables.entries()) {
    const place = section('table-' + index, t.title, null);
    if (/by operation|Energy/.test(t.title))
      chart(place, 90 + 22 * t.rows.length * Math.min(names.length, 3), 'Bars: ' + t.title, {type: 'bar',
        data: {labels: t.rows.map(r => r.name), datasets: names.map((n, i) => ({label: n, data: t.rows.map(r => r.values[i]),
          backgroundColor: colours[i % colours.length]}))},
        options: {indexAxis: 'y', scales: {x: axis(t.title), y: names_axis()}}});
    const head = [t.what];
    names.forEach((n, i) => head.push(n, ...(i > 0 ? ['to ' + names[0]] : [])));
    const lines = [];
    let group;
    for (const row of t.rows) {
      if (row.group && row.group !== group) lines.push([group = row.group, ...head.slice(1).map(() => '')]);
      const cells = [row.name];
      row.values.forEach((v, i) => cells.push({text: fixed(v, t.digits), value: v, key: index + '.' + row.name + '.' + i},
        ...(i > 0 ? [percent(row.change_percent[i])] : [])));
      lines.push(cells);
    }
    place.append(table(head, lines));
  }
  if (data.logits) section('logits', 'Logits', null, element('pre', {}, data.logits));
  report.origin(data.provenance);
  document.body.dataset.ready = 'yes';
})();
