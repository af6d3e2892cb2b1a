'use strict';
// The block diagram of the simulated board with a run's numbers in it: how much each unit works and what it mostly waits
// for, GB/s on each wire.
const board = (() => {
  const ns = 'http://www.w3.org/2000/svg';
  const {fixed, sum} = report;
  const waits = {wait_command: 'a command', wait_input: 'input', wait_weights: 'weights', wait_result: 'results',
    wait_space: 'free buffer', wait_dependency: 'earlier results', wait_queue: 'free queue', wait_cpu: 'CPU', injected: 'stalls'};

  function node(name, attributes, ...children) {
    const e = document.createElementNS(ns, name);
    for (const [key, value] of Object.entries(attributes)) e.setAttribute(key, value);
    e.append(...children);
    return e;
  }
  const text = (x, y, words, more) => node('text', Object.assign({x, y, 'font-size': 12, fill: 'currentColor'}, more), words);

  // Busy share and the largest cause of waiting, over all operations.
  function activity(rows, unit) {
    const causes = {};
    for (const r of rows)
      for (const [cause, cycles] of Object.entries(r.units[unit] || {})) causes[cause] = (causes[cause] || 0) + cycles;
    const own = sum(Object.values(causes)), total = sum(rows.map(r => r.cycles));
    const alone = Object.keys(causes).every(c => c === 'busy');  // closed forms know no waiting
    const all = alone ? Math.max(own, total) : own;
    const worst = Object.entries(causes).filter(([c]) => c !== 'busy').sort((a, b) => b[1] - a[1])[0];
    return {busy: all > 0 ? (causes.busy || 0) / all : 0, worst: worst && worst[1] > 0 ? worst[0] : null,
      waiting: worst && all > 0 ? worst[1] / all : 0, used: all > 0 && (causes.busy || 0) > 0};
  }

  function unit_box(svg, x, y, width, title, a, key, lines) {
    const height = 76 + 15 * lines.length;
    svg.append(node('rect', {x, y, width, height, rx: 6, fill: 'var(--paper)', stroke: 'currentColor', class: 'unit'}),
      node('rect', {x: x + 10, y: y + 26, width: width - 20, height: 9, rx: 4, fill: 'var(--line)'}),
      node('rect', {x: x + 10, y: y + 26, width: Math.max(0, (width - 20) * a.busy), height: 9, rx: 4, fill: '#0072b2',
        'data-key': 'board.' + key, 'data-value': a.busy}),
      text(x + 10, y + 18, title, {'font-weight': 600}),
      text(x + 10, y + 50, fixed(100 * a.busy, 0) + ' % working', {'font-size': 11}));
    const waiting = a.worst ? 'waits ' + fixed(100 * a.waiting, 0) + ' %: ' + (waits[a.worst] || a.worst) : '';
    [waiting, ...lines].forEach((l, i) => svg.append(text(x + 10, y + 65 + 15 * i, l, {'font-size': 11})));
    return {left: x, right: x + width, top: y, bottom: y + height, middle: y + height / 2, centre: x + width / 2};
  }

  // A wire with its label above the first horizontal part; as thick as the traffic is heavy.
  function wire(svg, points, label, gbs, at, anchor) {
    const d = points.map(([x, y], i) => (i === 0 ? 'M' : 'L') + x + ' ' + y).join('');
    svg.append(node('path', {d, fill: 'none', stroke: '#b35900', 'stroke-width': 1.2 + Math.min(4, gbs), 'marker-end': 'url(#tip)'}));
    if (label) svg.append(text(at[0], at[1], label, {'font-size': 11, 'text-anchor': anchor || 'middle'}));
  }

  function draw(data) {
    const rows = data.breakdown, config = data.config, ms = data.summary.ms_per_image || data.summary.latency_ms.mean;
    const rate = bytes => bytes / ms / 1e6;  // GB/s
    const gbs = bytes => fixed(rate(bytes), 2) + ' GB/s';
    const by_purpose = purpose => sum(rows.map(r => (r.bytes_by_port || {})[purpose] || 0));
    const on_chip = sum(rows.map(r => r.bytes_on_chip || 0));
    const bytes = {in: by_purpose('in'), weights: by_purpose('weights'), out: by_purpose('out'), cpu: by_purpose('cpu')};
    const unit = name => activity(rows, name);
    const svg = node('svg', {viewBox: '0 0 1000 470', width: 1000, height: 470, role: 'img', id: 'board-picture',
      'font-family': 'system-ui, "Segoe UI", "DejaVu Sans", sans-serif'});
    svg.append(node('title', {}, 'Block diagram of the board: PE array ' + fixed(100 * unit('pe').busy, 0) +
      ' % working, ' + gbs(bytes.in + bytes.weights + bytes.out + bytes.cpu) + ' to and from memory'));
    svg.append(node('defs', {}, node('marker', {id: 'tip', viewBox: '0 0 8 8', refX: 7, refY: 4, markerWidth: 9, markerHeight: 9,
      markerUnits: 'userSpaceOnUse', orient: 'auto-start-reverse'}, node('path', {d: 'M0 0L8 4L0 8z', fill: '#b35900'}))));
    const field = (x, y, width, height, title) => svg.append(
      node('rect', {x, y, width, height, rx: 10, fill: 'none', stroke: 'var(--soft)', 'stroke-dasharray': '5 4'}),
      text(x + 12, y + 18, title, {'font-size': 11, fill: 'var(--soft)'}));
    field(8, 8, 300, 454, 'processing system');
    field(322, 8, 670, 454, 'fabric, ' + config['pl.clock_mhz'] + ' MHz');

    // Memory: all that moves over its bus.
    const memory = data.memory || {}, ports = memory.bytes || {};
    const moved = bytes.in + bytes.weights + bytes.out + bytes.cpu;
    const peak = config['ddr.mega_transfers'] * config['ddr.bus_bytes'] / 1000;
    const lines = [fixed(100 * rate(moved) / peak, 0) + ' % of ' + fixed(peak, 2) + ' GB/s'];
    if (memory.row_hit_rate) lines.push(fixed(100 * memory.row_hit_rate, 0) + ' % row hits');
    svg.append(node('rect', {x: 24, y: 44, width: 128, height: 290, rx: 6, fill: 'var(--paper)', stroke: 'currentColor', class: 'unit'}),
      text(34, 64, 'DDR4 memory', {'font-weight': 600}), text(34, 84, gbs(moved)));
    lines.forEach((l, i) => svg.append(text(34, 104 + 17 * i, l, {'font-size': 11})));
    const cpu = unit_box(svg, 24, 366, 190, 'Host CPU', unit('cpu'), 'cpu', []);
    wire(svg, [[88, 366], [88, 334]], gbs(bytes.cpu), rate(bytes.cpu), [96, 354], 'start');

    // "HP0-3, HPC0-1": there is place for so much whatever the font.
    const in_short = names => {
      const runs = [];
      for (const [, kind, n] of names.map(name => name.match(/^(.*?)(\d+)$/))) {
        const run = runs[runs.length - 1];
        if (run && run.kind === kind && +n === run.last + 1) run.last = +n;
        else runs.push({kind, first: +n, last: +n});
      }
      return runs.map(r => r.kind + r.first + (r.last > r.first ? (r.last > r.first + 1 ? '-' : ', ' + r.kind) + r.last : '')).join(', ');
    };
    // The ports that serve a purpose, by name.
    const served = {};
    for (const [port, purposes] of Object.entries(ports))
      for (const [purpose, n] of Object.entries(purposes)) if (n > 0) (served[purpose] = served[purpose] || []).push(port.toUpperCase());
    const engine = (y, title, name, purpose, count) => {
      const box = unit_box(svg, 340, y, 190, title, unit(name), name, []);
      const names = in_short((served[purpose] || []).filter(p => p !== 'CPU'));
      const out = name === 'dma_out', path = [[152, box.middle], [340, box.middle]];
      wire(svg, out ? path.reverse() : path, gbs(count), rate(count), [236, box.middle - 9]);
      if (names) svg.append(text(236, box.middle + 17, names, {'font-size': 11, 'text-anchor': 'middle', fill: 'var(--soft)'}));
      return box;
    };
    const input = engine(44, 'DMA: activations in', 'dma_in', 'input', bytes.in);
    const weights = engine(142, 'DMA: weights in', 'dma_weights', 'weights', bytes.weights);
    const output = engine(250, 'DMA: results out', 'dma_out', 'output', bytes.out);
    const control = unit_box(svg, 340, 366, 190, 'Control unit', unit('control'), 'control', []);
    wire(svg, [[214, 397], [340, 397]], 'start', 0, [276, 390]);
    wire(svg, [[340, 412], [214, 412]], 'interrupt', 0, [276, 428]);

    const macs = sum(rows.map(r => r.macs));
    const pe = unit_box(svg, 576, 68, 196, 'PE array', unit('pe'), 'pe', [config['pe.th'] + ' x ' + config['pe.ti'] + ' x ' +
      config['pe.to'] + ', ' + config['numerics.bits'] + ' bit', fixed(macs / ms / 1e6, 1) + ' GMAC/s']);
    const vector = unit_box(svg, 576, 242, 196, 'Vector unit', unit('vector'), 'vector', []);
    wire(svg, [[530, input.middle], [553, input.middle], [553, pe.middle - 18], [576, pe.middle - 18]], '', 0, null);
    wire(svg, [[530, weights.middle], [553, weights.middle], [553, pe.middle + 18], [576, pe.middle + 18]], '', 0, null);
    wire(svg, [[pe.centre, pe.bottom], [pe.centre, vector.top]], 'sums', 0, [pe.centre + 8, (pe.bottom + vector.top) / 2 + 4], 'start');
    wire(svg, [[576, vector.middle], [530, vector.middle]], '', 0, null);
    const selector = unit('selector');
    if (selector.used) {
      const box = unit_box(svg, 796, 242, 184, 'Token selector', selector, 'selector', []);
      wire(svg, [[772, box.middle - 8], [796, box.middle - 8]], '', 0, null);
      wire(svg, [[796, box.middle + 8], [772, box.middle + 8]], '', 0, null);
    }
    if (on_chip > 0) {
      svg.append(node('rect', {x: 796, y: 84, width: 184, height: 46, rx: 6, fill: 'var(--paper)', stroke: 'currentColor', class: 'unit'}),
        text(806, 102, 'Memory on chip', {'font-weight': 600}), text(806, 120, gbs(on_chip), {'font-size': 11}));
      wire(svg, [[796, 107], [772, 107]], '', 0, null);
    }
    svg.append(text(576, 400, 'latency ' + fixed(data.summary.latency_ms.mean, 3) + ' ms, ' + fixed(data.summary.fps, 1) + ' images/s',
      {'font-weight': 600}));
    svg.append(text(576, 418, 'bars: share of the unit\'s cycles; wires: mean over the latency', {'font-size': 11,
      fill: 'var(--soft)'}));
    return svg;
  }

  return {draw};
})();
