'use strict';
// Shared by both pages: small helpers for elements, numbers and charts.
const report = (() => {
  const data = JSON.parse(document.getElementById('data').textContent);
  const page = document.getElementById('page');

  // Colours that people with any colour vision tell apart (Okabe and Ito), darkened where white lies behind.
  const colours = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#6e6e6e', '#b8a800', '#7a4fa3',
    '#8c5a2b'];

  function element(name, attributes, ...children) {
    const e = document.createElement(name);
    for (const [key, value] of Object.entries(attributes || {})) e.setAttribute(key, value);
    e.append(...children.filter(c => c !== null && c !== undefined));
    return e;
  }

  function section(id, title, explanation, ...children) {
    const s = element('section', {id}, element('h2', {}, title),
      explanation ? element('p', {class: 'soft'}, explanation) : null, ...children);
    page.append(s);
    return s;
  }

  const fixed = (value, digits) => Number(value).toLocaleString('en-US',
    {minimumFractionDigits: digits, maximumFractionDigits: digits});
  const whole = value => fixed(value, 0);
  const share = (part, all) => all > 0 ? fixed(100 * part / all, 1) + ' %' : '-';
  const sum = values => values.reduce((a, b) => a + b, 0);

  // rows: arrays of cells; a cell is a text or {text, value, key}: value and key go into data attributes, for tests and
  // for scripts that read the page.
  function table(head, rows, foot) {
    const cell = c => {
      if (c === null || typeof c !== 'object') return element('td', {}, String(c));
      const attributes = {'data-value': c.value};
      if (c.key) attributes['data-key'] = c.key;
      return element('td', attributes, c.text);
    };
    const line = cells => element('tr', {}, ...cells.map(cell));
    return element('div', {class: 'scroll'}, element('table', {},
      element('thead', {}, element('tr', {}, ...head.map(h => element('th', {scope: 'col'}, h)))),
      element('tbody', {}, ...rows.map(line)), foot ? element('tfoot', {}, line(foot)) : null));
  }

  // A chart of fixed height with a description for screen readers.
  const narrow = () => document.documentElement.clientWidth < 600;  // a telephone

  // `height` is that of a wide window; a legend takes more lines in a narrow one.
  function chart(parent, height, label, config) {
    if (narrow() && config.data.datasets.length > 3) height += 22 * config.data.datasets.length;
    const canvas = element('canvas', {role: 'img', 'aria-label': label});
    parent.append(element('div', {class: 'chart', style: 'height:' + height + 'px'}, canvas));
    Chart.defaults.font.size = 13;
    const style = getComputedStyle(document.body);
    Chart.defaults.color = style.getPropertyValue('--ink').trim();
    Chart.defaults.borderColor = style.getPropertyValue('--line').trim();
    config.options = Object.assign({animation: false, maintainAspectRatio: false, responsive: true}, config.options);
    return new Chart(canvas, config);
  }

  const axis = (title, more) => Object.assign({title: {display: true, text: title}}, more);

  // The axis of a chart whose bars have names: all of them are there, on several lines where the window is narrow.
  function names_axis(more) {
    const wrapped = text => text.split(' ').reduce((lines, word) => {
      const last = lines[lines.length - 1];
      if (last !== undefined && (last + ' ' + word).length <= 12) lines[lines.length - 1] = last + ' ' + word;
      else lines.push(word);
      return lines;
    }, []);
    return Object.assign({ticks: {autoSkip: false, font: {size: narrow() ? 11 : 13}, callback(value) {
      const text = this.getLabelForValue(value);
      return narrow() ? wrapped(text) : text;
    }}}, more);
  }

  // Where the numbers come from.
  function origin(p) {
    if (!p || !p.command) return;
    section('provenance', 'Where this comes from', null, table(['what', 'value'], [['program', p.program + ' ' + p.version],
      ['commit', p.commit], ['command', p.command.join(' ')], ['in', p.folder], ['host', p.host], ['date', p.date],
      ...(p.inputs || []).map(i => [i.what, i.file + ', SHA-256 ' + i.sha256]),
      ...(p.images ? [['images', p.images.count + ', SHA-256 of their sums ' + p.images.sha256]] : [])]));
  }

  // Counts of values in equal bins from the least to the largest.
  function histogram(values, most) {
    const least = values.reduce((a, b) => Math.min(a, b)), largest = values.reduce((a, b) => Math.max(a, b));
    const whole_numbers = values.every(Number.isInteger);
    let width = (largest - least) / most || 1;
    if (whole_numbers) width = Math.max(1, Math.ceil((largest - least + 1) / most));
    const bins = Math.max(1, Math.min(most, Math.floor((largest - least) / width) + 1));
    const counts = new Array(bins).fill(0);
    for (const v of values) ++counts[Math.min(bins - 1, Math.floor((v - least) / width))];
    const labels = counts.map((_, i) => {
      const begin = least + i * width;
      return whole_numbers ? (width === 1 ? String(begin) : begin + '-' + (begin + width - 1)) : fixed(begin + width / 2, 2);
    });
    return {labels, counts};
  }

  return {data, page, colours, element, section, fixed, whole, share, sum, table, chart, axis, names_axis, origin, histogram};
})();
