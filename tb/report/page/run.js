'use strict';
// The page of one run.
if (document.body.dataset.kind === 'run') (() => {
  const {data, page, colours, element, section, fixed, whole, share, sum, table, chart, axis, names_axis, histogram} = report;
  const config = data.config, rows = data.breakdown, images = data.images;
  const set = data.set, batched = set.batched;  // of all images; `images` are the first, to be drawn
  const analytic = data.mode === 'analytic';
  const clock = config['pl.clock_mhz'];
  const depth = Math.max(...rows.map(r => r.block)) - 1;
  const side = data.patch_grid, patches = side * side;  // of the network's input
  const milliseconds = cycles => cycles / clock / 1000;
  const total = sum(rows.map(r => r.cycles));

  // Operations in the words of the network, in the order of their first use.
  const kinds = [
    ['Embedding', ['embed', 'cls', 'stem']], ['LayerNorm', ['norm1', 'norm2', 'norm', 'sel_norm']], ['Q, K, V', ['qkv']],
    ['Attention', ['scores', 'softmax', 'attend']], ['Projection', ['proj']], ['MLP', ['fc1', 'fc2']],
    ['Token selector', []], ['Classifier', ['head', 'aux_head', 'logits', 'end']]];
  const kind_of = op => {
    const found = kinds.findIndex(k => k[1].includes(op));
    return found >= 0 ? found : 6;
  };
  const unit_names = {control: 'Control unit', dma_in: 'DMA: activations in', dma_weights: 'DMA: weights in',
    pe: 'PE array', vector: 'Vector unit', selector: 'Token selector', dma_out: 'DMA: results out', cpu: 'Host CPU'};
  const cause_names = {busy: 'working', wait_command: 'nothing to do', wait_input: 'waits for input',
    wait_weights: 'waits for weights', wait_result: 'waits for results', wait_space: 'waits for a free buffer',
    wait_dependency: 'waits for an earlier operation', wait_queue: 'command queues full', wait_cpu: 'waits for the CPU',
    injected: 'stalls injected on purpose'};

  function heading() {
    const pruned = config.scorer && config.scorer !== 'none';
    page.append(element('h1', {}, data.model + ' on the simulated accelerator'));
    page.append(element('p', {class: 'soft'}, data.mode + ' mode; PE array ' + config['pe.th'] + ' groups x ' +
      config['pe.ti'] + ' inputs x ' + config['pe.to'] + ' outputs at ' + clock + ' MHz; buffer tiles ' +
      config['tile.m'] + ' x ' + config['tile.k'] + ' x ' + config['tile.n'] + '; ' + (pruned
        ? 'tokens pruned by ' + config.scorer + ' before blocks ' + (config.selectors || []).join(', ')
        : 'no tokens pruned')));
    if (analytic) page.append(element('p', {class: 'note'}, 'Estimated by closed forms, not simulated: over random ' +
      'configurations the latency is off by ' + data.analytic.median_error_percent + ' % in the median and by ' +
      data.analytic.p95_error_percent + ' % at the 95th percentile.'));
  }

  function cards() {
    const s = data.summary, one = s.images === 1, cards = element('div', {class: 'cards'});
    const card = (text, what, value, key) => cards.append(element('div', {class: 'card'},
      element('b', {'data-key': key, 'data-value': value}, text), element('span', {}, what)));
    card(fixed(s.latency_ms.mean, 3) + ' ms', one ? 'latency of the image' : 'latency, mean', s.latency_ms.mean,
      'summary.latency_ms.mean');
    if (!one) {
      card(fixed(s.latency_ms.p95, 3) + ' ms', '95 % of images within', s.latency_ms.p95, 'summary.latency_ms.p95');
      card(fixed(s.latency_ms.max, 3) + ' ms', 'slowest image', s.latency_ms.max, 'summary.latency_ms.max');
    }
    if (s.bound && s.bound.ms > 0)
      card(fixed(s.bound.ms, 3) + ' ms', 'no schedule can be faster (lower bound)', s.bound.ms, 'summary.bound.ms');
    if (batched)
      card(fixed(s.ms_per_image, 3) + ' ms', 'an image, in batches of ' + config['accel.batch'], s.ms_per_image,
        'summary.ms_per_image');
    card(fixed(s.fps, 1), 'images a second', s.fps, 'summary.fps');
    card(fixed(s.gmacs_mean, 3), 'billion MACs an image', s.gmacs_mean, 'summary.gmacs_mean');
    if (data.power_w !== undefined) {
      card(fixed(data.power_w, 2) + ' W', 'mean power, chip and DDR', data.power_w, 'power_w');
      card(fixed(data.energy_mj, 2) + ' mJ', 'energy of an image', data.energy_mj, 'energy_mj');
    }
    if (!one) card(whole(s.images), 'images', s.images, 'summary.images');
    if (s.top1 !== null) card(share(s.top1, 1), 'right class first (top-1)', s.top1, 'summary.top1');
    if (s.top5 !== null) card(share(s.top5, 1), 'right class in five (top-5)', s.top5, 'summary.top5');
    page.append(cards);
  }

  // The first picture that an architect looks for.
  function board_diagram() {
    const place = section('board', 'The board', 'What each unit of the accelerator did, and what moved between them and the ' +
      'memory' + (set.images > 1 ? ', mean over the images.' : '.'));
    const picture = board.draw(data);
    place.append(element('p', {class: 'aside'}, 'The picture goes on to the right: scroll it sideways.'),
      element('div', {class: 'scroll'}, picture));
    const style = getComputedStyle(document.body), colour = name => style.getPropertyValue(name).trim();
    const source = new XMLSerializer().serializeToString(picture).replace(/var\((--\w+)\)/g, (_, name) => colour(name))
      .replaceAll('currentColor', colour('--ink'));
    place.append(element('a', {class: 'download', download: data.model + '-board.svg',
      href: 'data:image/svg+xml;charset=utf-8,' + encodeURIComponent(source)}, 'Download as SVG'));
  }

  function latency_by_block() {
    const place = section('blocks', 'Where the time goes', 'Time of every block, by operation' +
      (set.images > 1 ? ', mean over the images' : '') + '. An operation counts from the end of the one before to ' +
      'its own end, so all bars together are ' + (batched ? 'the time of an image: its share of a batch.' : 'the latency.'));
    const labels = Array.from({length: depth + 2}, (_, b) => b === 0 ? 'embedding' : b > depth ? 'classifier' : 'block ' + b);
    const datasets = kinds.map(([name], k) => ({label: name, backgroundColor: colours[k],
      data: labels.map((_, b) => milliseconds(sum(rows.filter(r => r.block === b && kind_of(r.op) === k).map(r => r.cycles))))}))
      .filter(d => d.data.some(v => v > 0));
    chart(place, 340, 'Stacked bars: milliseconds of each block by operation', {type: 'bar', data: {labels, datasets},
      options: {scales: {x: {stacked: true}, y: axis('milliseconds', {stacked: true})},
        plugins: {tooltip: {callbacks: {label: c => c.dataset.label + ': ' + fixed(c.raw, 4) + ' ms'}}}}});
  }

  function units() {
    const names = Object.keys(rows[0].units);
    const causes = [...new Set(rows.flatMap(r => names.flatMap(u => Object.keys(r.units[u]))))];
    causes.sort((a, b) => Object.keys(cause_names).indexOf(a) - Object.keys(cause_names).indexOf(b));
    const cycles = (unit, cause) => sum(rows.map(r => r.units[unit][cause] || 0));
    const place = section('units', 'What each unit did', analytic
      ? 'Share of the latency in which each unit works. Closed forms do not know what it waits for in the rest.'
      : 'All cycles of each unit, from start to interrupt, by cause. Work of different units overlaps; a unit that works ' +
        'all the time limits the speed.');
    const datasets = causes.map((cause, i) => ({label: cause_names[cause] || cause, backgroundColor: colours[i % colours.length],
      data: names.map(u => 100 * cycles(u, cause) / total)}));
    chart(place, 330, 'Stacked bars: per cent of cycles of each unit by cause', {type: 'bar',
      data: {labels: names.map(u => unit_names[u] || u), datasets}, options: {indexAxis: 'y',
        scales: {x: axis('per cent of all cycles', {stacked: true, max: 100}), y: names_axis({stacked: true})},
        plugins: {tooltip: {callbacks: {label: c => c.dataset.label + ': ' + fixed(c.raw, 1) + ' %'}}}}});
    place.append(element('details', {}, element('summary', {}, 'The numbers: cycles by unit and cause'),
      table(['unit', ...causes.map(c => cause_names[c] || c)], names.map(u => [unit_names[u] || u,
        ...causes.map(c => ({text: whole(cycles(u, c)), value: cycles(u, c), key: 'unit.' + u + '.' + c}))]))));
  }

  // Rows with the same operation together.
  function by_operation() {
    const groups = new Map();
    for (const r of rows) {
      const g = groups.get(r.op) || {op: r.op, cycles: 0, macs: 0, bytes: 0, pe: 0, held: 0};
      const pe = r.units.pe || {};
      g.cycles += r.cycles;
      g.macs += r.macs;
      g.bytes += r.bytes;
      g.pe += pe.busy || 0;
      // Of the array's own cycles for the operation: it runs ahead of the others. Closed forms know the busy ones alone.
      g.held += analytic ? Math.max(pe.busy || 0, r.cycles) : sum(Object.values(pe));
      groups.set(r.op, g);
    }
    return [...groups.values()];
  }

  function energy() {
    if (!data.energy) return;
    const parts = data.energy.filter(p => p.mj > 0);
    const place = section('energy', 'Energy of an image', fixed(data.energy_mj, 2) + ' millijoules, ' + fixed(data.power_w, 2) +
      ' watts on average: what each unit does times what doing it takes, and what flows all the time. An estimate; ' +
      'docs/power.md has the coefficients.');
    chart(place, 380, 'Bars: millijoules by part', {type: 'bar', data: {labels: parts.map(p => p.part),
      datasets: [{label: 'mJ', data: parts.map(p => p.mj), backgroundColor: colours[0]}]},
      options: {indexAxis: 'y', plugins: {legend: {display: false}}, scales: {x: axis('millijoules'),
        y: names_axis()}}});
    place.append(element('details', {}, element('summary', {}, 'The numbers: energy by part'),
      table(['part', 'mJ', 'share'], data.energy.map(p => [p.part,
        {text: fixed(p.mj, 3), value: p.mj, key: 'energy.' + p.part}, share(p.mj, data.energy_mj)]))));
  }

  function resources() {
    const r = data.resources;
    if (!r) return;
    const place = section('resources', 'What it takes of the FPGA', 'Counted from the parameters, not synthesised' +
      (r.device ? '; of the ' + r.device.name + '.' : '.'));
    const kinds_of = [['dsp', 'DSP'], ['bram18', 'block RAM (18 Kbit)'], ['lut', 'LUT'], ['ff', 'FF']];
    const line = (name, c, prefix) => [name, ...kinds_of.map(([key]) => prefix
      ? {text: whole(c[key]), value: c[key], key: prefix + key} : whole(c[key]))];
    const lines = r.modules.map(m => line(m.module, m));
    lines.push(line('total', r, 'resources.'), line('of it for token selection', r.selector, 'resources.selector.'));
    if (r.device) lines.push(['share of the ' + r.device.name, ...kinds_of.map(([key]) => share(r[key], r.device[key]))]);
    place.append(table(['module', ...kinds_of.map(k => k[1])], lines));
  }

  function roofline() {
    if (!data.roofline) return;
    const peak = data.roofline.array_gmacs, bandwidth = data.roofline.memory_gbs;
    const points = data.roofline.points.filter(p => !p.op.startsWith('whole '))
      .map(p => ({x: p.macs_per_byte, y: p.gmacs, op: p.op, kind: kind_of(p.op)}));
    if (points.length === 0 || !(peak > 0)) return;
    const left = Math.min(...points.map(p => p.x)) / 2, right = Math.max(...points.map(p => p.x), peak / bandwidth) * 2;
    const roof = slope => [{x: left, y: left * slope}, {x: peak / slope, y: peak}, {x: right, y: peak}].filter(p => p.x >= left);
    const place = section('roofline', 'How close to the limits (roofline)', 'Each dot is an operation, all blocks ' +
      'together: its MACs over the time that it held the array, working or waiting for what it needs. Right: more ' +
      'arithmetic for every byte from memory. The line is the most that is possible: ' + fixed(peak, 1) +
      ' billion MACs a second of the array, ' + fixed(bandwidth, 2) + ' GB/s of the ' + data.roofline.memory +
      '. Dots far below it wait for something.');
    const datasets = kinds.map(([name], k) => ({label: name, data: points.filter(p => p.kind === k), pointRadius: 6,
      pointHoverRadius: 8, backgroundColor: colours[k]})).filter(d => d.data.length > 0);
    datasets.push({label: 'limit', data: roof(bandwidth), type: 'line', borderColor: getComputedStyle(document.body).getPropertyValue('--ink').trim(), borderWidth: 2, pointRadius: 0,
      fill: false, tension: 0});
    chart(place, 380, 'Roofline: billion MACs a second over MACs a byte', {type: 'scatter', data: {datasets},
      options: {scales: {x: axis('MACs a byte moved', {type: 'logarithmic'}),
        y: axis('billion MACs a second', {type: 'logarithmic', suggestedMax: peak * 1.5})},
        plugins: {tooltip: {filter: c => c.raw.op, callbacks: {label: c => c.raw.op + ': ' + fixed(c.raw.y, 1) +
          ' billion MACs a second, ' + fixed(c.raw.x, 1) + ' MACs a byte'}}}}});
  }

  function tokens() {
    if (set.left.length === 0) return;
    const {mean, most, least} = set.tokens, labels = mean.map((_, b) => 'block ' + (b + 1));
    const place = section('tokens', 'Tokens left', 'Tokens that enter each block (patches, the class token, ' +
      'and the package token of what was pruned)' + (set.images > 1 ? '; of all images.' : '.'));
    const line = (label, values, colour, dash) => ({label, data: values, borderColor: colour, backgroundColor: colour,
      borderDash: dash, stepped: 'middle', pointRadius: 3});
    const vary = most.some((m, b) => m !== least[b]);
    const datasets = [line(vary ? 'mean' : 'tokens', mean, colours[0], [])];
    if (vary) datasets.push(line('most', most, colours[1], [6, 4]),
      line('least', least, colours[2], [2, 3]));
    chart(place, 260, 'Lines: tokens entering each block', {type: 'line', data: {labels, datasets},
      options: {scales: {y: axis('tokens', {min: 0, suggestedMax: patches + 4})}}});
  }

  function histograms() {
    if (set.images < 2) return;
    const place = section('histograms', 'The set of images', whole(set.images) + ' images: how many had which latency, and ' +
      'how many patches were left behind the last selector.');
    const pair = element('div', {class: 'pair'});
    place.append(pair);
    const one = (title, values, unit, colour) => {
      const box = element('div');
      pair.append(box);
      if (values.every(v => v === values[0])) {
        box.append(element('p', {}, element('b', {}, title + ': '), 'the same for every image, ' + values[0] + ' ' + unit));
        return;
      }
      const h = histogram(values, 40);
      chart(box, 260, 'Histogram: ' + title, {type: 'bar', data: {labels: h.labels, datasets: [{label: 'images', data: h.counts,
        backgroundColor: colour, barPercentage: 1, categoryPercentage: 0.96}]}, options: {plugins: {legend: {display: false},
        title: {display: true, text: title}}, scales: {x: axis(unit), y: axis('images', {ticks: {precision: 0}})}}});
    };
    one('Latency', set.latency_ms, 'milliseconds', colours[0]);
    if (set.left.length > 0) one('Patches left at the end', set.left, 'patches of ' + patches, colours[1]);
  }

  // The image with what has been pruned so far covered.
  function stage(image, kept, caption) {
    const ns = 'http://www.w3.org/2000/svg', svg = document.createElementNS(ns, 'svg');
    svg.setAttribute('viewBox', '0 0 ' + side + ' ' + side);
    svg.setAttribute('role', 'img');
    svg.setAttribute('aria-label', image.file + ': ' + caption);
    const add = (name, attributes) => {
      const e = document.createElementNS(ns, name);
      for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
      svg.append(e);
    };
    add('image', {href: image.thumbnail, width: side, height: side, preserveAspectRatio: 'none'});
    if (kept) {
      const stays = new Set(kept);
      let path = '';
      for (let p = 0; p < patches; ++p) {
        if (!stays.has(p)) path += 'M' + p % side + ' ' + Math.floor(p / side) + 'h1v1h-1z';
      }
      add('path', {d: path, fill: '#f6f8fa', 'fill-opacity': 0.88});
    }
    return element('div', {class: 'stage'}, svg, caption);
  }

  function pictures() {
    const shown = images.filter(i => i.thumbnail);
    const missing = data.missing_pictures || [];
    if (shown.length === 0 && missing.length === 0) return;
    const class_text = c => c === null || c === undefined ? '' : data.class_names[c] || 'class ' + c;
    const place = section('pictures', 'What the network still looks at', 'The first images with the patches that are ' +
      'left after each selector; covered patches are pruned (they live on in one package token).');
    if (missing.length > 0) place.append(element('p', {class: 'note'}, 'Not found, so not drawn: ' + missing.join(', ')));
    place.append(element('div', {class: 'pictures'}, ...shown.map(i => {
      const best = (i.top5 || [])[0];
      const verdict = best && i.label !== null ? (best.class === i.label ? ' (right)' : ' (is: ' + class_text(i.label) + ')') : '';
      return element('figure', {class: 'picture'}, element('figcaption', {}, element('b', {}, i.file),
        ': ' + (best ? class_text(best.class) + verdict + ', ' : '') + fixed(i.latency_ms, 3) + ' ms'),
        element('div', {class: 'stages'}, stage(i, null, 'all ' + patches + ' patches'),
          ...(i.kept || []).map((kept, s) => stage(i, kept, 'selector ' + (s + 1) + ': ' + kept.length))));
    })));
  }

  function operations() {
    const place = section('operations', 'By operation', 'All blocks together' + (set.images > 1
      ? ', mean over the images' : '') + '.');
    const list = by_operation();
    const line = (name, g, key) => [name, {text: whole(g.cycles), value: g.cycles, key: key + '.cycles'},
      fixed(milliseconds(g.cycles), 3), share(g.cycles, total), {text: fixed(g.macs / 1e6, 1), value: g.macs, key: key + '.macs'},
      {text: whole(g.bytes / 1024), value: g.bytes, key: key + '.bytes'},
      {text: share(g.pe, g.held), value: g.held > 0 ? g.pe / g.held : 0, key: key + '.pe_share'}];
    const all = {cycles: total};
    for (const figure of ['macs', 'bytes', 'pe', 'held']) all[figure] = sum(list.map(g => g[figure]));
    place.append(table(['operation', 'cycles', 'ms', 'share', 'million MACs', 'KiB moved', 'PE array works'],
      list.map(g => line(g.op, g, 'op.' + g.op)), line('total', all, 'total')));
  }

  function configuration() {
    const place = section('configuration', 'Configuration', null);
    const text = v => v === null ? '-' : Array.isArray(v) ? v.join(', ') || '-' : String(v);
    place.append(element('details', {}, element('summary', {}, 'Every option of this run'),
      table(['option', 'value'], Object.entries(config).map(([k, v]) => [k, text(v)]))));
  }

  heading();
  cards();
  board_diagram();
  latency_by_block();
  units();
  roofline();
  energy();
  resources();
  tokens();
  pictures();
  histograms();
  operations();
  configuration();
  report.origin(data.provenance);
  document.body.dataset.ready = 'yes';
})();
