// The journal as it flows, and what each operation costs.

import {byId, el} from './dom.js';

const MOST_ROWS = 200;
const SECONDS = 80;
const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/gi;

/** A path without what tells objects apart. */
const generic = (path) => path.replace(UUID, '{uuid}')
  .replace(/\/jobs\/[^/]+$/, '/jobs/{id}').replace(/\/search\/.*$/, '/search/…');

/** What a path is called here. */
const short = (path) => path.replace(/^\/rest\/api\/(uom\/)?/, '');

/** A regular expression for all paths like this one. */
const pattern = (path) => `^${generic(path)
  .replace(/[.*+?^$()|[\]\\{}]/g, '\\$&')
  .replace(/\\\{(uuid|id)\\\}/g, '[^/]+').replace('…', '')}` +
  (path.includes('/search/') ? '' : '$');

export class Requests {
  /** names: Map of UUID -> {key, name}, of main.js. */
  constructor(names, faults) {
    this.names = names;
    this.faults = faults;
    this.flow = byId('flow');
    this.cost = byId('cost');
    this.waiting = [];
    this.pace = new Map();
    this.seen = new Map();
    this.several = false;
    this.paused = false;
    this.restart();
    byId('tab-flow').onclick = () => this.showTab('flow');
    byId('tab-cost').onclick = () => this.showTab('cost');
    byId('restart').onclick = () => this.restart();
    byId('pause').onclick = (event) => {
      this.paused = !this.paused;
      event.target.setAttribute('aria-pressed', this.paused);
      event.target.textContent = this.paused ? 'Go on' : 'Pause';
      if (!this.paused) this.draw();
    };
    setInterval(() => this.drawPace(), 1000);
  }

  setSite({run, endpoints}) {
    this.several = endpoints.length > 1;
    // A site that has started again counts from 1.
    if (run !== this.run) this.seen.clear();
    this.run = run;
  }

  restart() {
    this.operations = new Map();
    this.missed = 0;
    this.drawCost();
  }

  showTab(name) {
    for (const one of ['flow', 'cost']) {
      byId(one).hidden = one !== name;
      byId(`tab-${one}`).setAttribute('aria-selected', one === name);
    }
    this.drawCost();
  }

  add(records) {
    for (const record of records) {
      const last = this.seen.get(record.server);
      if (last !== undefined && record.number <= last) continue;
      // The server forgets the oldest of very many.
      if (last !== undefined) this.missed += record.number - last - 1;
      this.seen.set(record.server, record.number);
      this.count(record);
      this.waiting.push(record);
    }
    if (this.waiting.length > MOST_ROWS) {
      this.waiting.splice(0, this.waiting.length - MOST_ROWS);
    }
    if (!this.paused && !this.scheduled) {
      this.scheduled = true;
      requestAnimationFrame(() => this.draw());
    }
  }

  count(record) {
    const second = Math.floor(record.at);
    this.pace.set(second, (this.pace.get(second) || 0) + 1);
    const path = short(generic(record.path));
    const group = record.groups && record.groups !== 'None' ?
      ` ?group=${record.groups}` : '';
    const key = `${record.method} ${path}${group}`;
    const found = this.operations.get(key) || {
      key, method: record.method, text: path + group, path: record.path,
      server: record.server, count: 0, ms: 0, most: 0, bytes: 0, failed: 0};
    found.count += 1;
    found.ms += record.ms;
    found.most = Math.max(found.most, record.ms);
    found.bytes += record.bytes_in + record.bytes_out;
    found.failed += record.status === null || record.status >= 400 ? 1 : 0;
    this.operations.set(key, found);
  }

  /** Keys of the objects that requests name, a few at most. */
  touched(records) {
    const found = new Set();
    for (const record of records.slice(-20)) {
      for (const uuid of record.path.match(UUID) || []) {
        const named = this.names.get(uuid.toUpperCase());
        if (named) found.add(named.key);
      }
    }
    return found;
  }

  draw() {
    this.scheduled = false;
    const rows = this.waiting.reverse().map((record) => this.row(record));
    this.waiting = [];
    this.flow.prepend(...rows);
    while (this.flow.childElementCount > MOST_ROWS) {
      this.flow.lastElementChild.remove();
    }
    this.drawCost();
    this.drawPace();
  }

  row(record) {
    const failed = record.status === null || record.status >= 400;
    return el(
      'li', {class: failed ? 'failed' : '', title: record.path +
             (record.query ? `?${record.query}` : '')},
      el('time', {}, new Date(record.at * 1000).toLocaleTimeString(
        'en-GB')),
      el('span', {class: `method ${record.method}`}, record.method),
      el('span', {class: 'path'}, this.several ?
         el('span', {class: 'server'}, `${record.server} `) : null,
         this.path(record.path)),
      el('span', {class: 'status'}, record.fault === null ? '' : '⚡',
         record.status === null ? 'lost' : String(record.status)),
      el('span', {class: 'ms'}, milliseconds(record.ms)),
      this.aim(record.method, record.path, record.server));
  }

  /** The path with names in the place of UUIDs, as nodes. */
  path(path) {
    // The system says no more than the server: the name has the rest.
    const text = short(path).replace(/^ManagedSystem\/[^/]+\/(?=.)/, '');
    const nodes = [];
    let end = 0;
    for (const match of text.matchAll(UUID)) {
      nodes.push(text.slice(end, match.index));
      const named = this.names.get(match[0].toUpperCase());
      nodes.push(el('b', {}, named ? named.name : `${match[0].slice(0, 8)}…`));
      end = match.index + match[0].length;
    }
    return [...nodes, text.slice(end)];
  }

  aim(method, path, server) {
    return el('button', {
      class: 'aim', title: 'Faults for requests like this one',
      'aria-label': 'Faults for requests like this one',
      onclick: () => this.faults.aim({
        label: `${method} ${short(generic(path))}`, method, path: pattern(path),
        server})}, '⚡');
  }

  drawCost() {
    if (this.cost.hidden) return;
    const found = [...this.operations.values()].sort(
      (one, other) => isPoll(one) - isPoll(other) || other.ms - one.ms);
    const counted = found.filter((one) => !isPoll(one));
    const sum = (key) => counted.reduce((all, one) => all + one[key], 0);
    this.cost.replaceChildren(
      el('p', {class: 'facts', id: 'sum'},
         `${sum('count')} requests, ${milliseconds(sum('ms'))}, ` +
         `${bytes(sum('bytes'))}` + (this.missed ?
           `; ${this.missed} more were not seen` : '')),
      el('table', {}, el('thead', {}, el('tr', {}, [
        'Count', 'Sum', 'Mean', 'Most', 'Data'].map(
        (text) => el('th', {}, text)))),
      el('tbody', {}, found.slice(0, MOST_ROWS).flatMap(
        (one) => this.costRows(one)))));
  }

  /** The name of an operation, and what it costs below. */
  costRows(one) {
    const kind = isPoll(one) ? ' poll' : '';
    const [path, group] = one.text.split(' ?');
    return [
      el('tr', {class: `operation${kind}`}, el(
        'td', {colspan: 5, title: one.text},
        el('span', {class: `method ${one.method}`}, one.method), ` ${path}`,
        group ? el('span', {class: 'facts'}, ` ${group}`) : null,
        this.aim(one.method, one.path, one.server))),
      el('tr', {class: `numbers${kind}`}, [
        `${one.count}×` + (one.failed ? `, ${one.failed} failed` : ''),
        milliseconds(one.ms), milliseconds(one.ms / one.count),
        milliseconds(one.most), bytes(one.bytes)].map(
        (text) => el('td', {}, text)))];
  }

  drawPace() {
    const canvas = byId('pace');
    const context = canvas.getContext('2d');
    const style = getComputedStyle(canvas);
    const now = Math.floor(Date.now() / 1000);
    for (const second of this.pace.keys()) {
      if (second < now - SECONDS) this.pace.delete(second);
    }
    const most = Math.max(4, ...this.pace.values());
    const {width, height} = canvas;
    context.clearRect(0, 0, width, height);
    context.fillStyle = style.color;
    for (const [second, count] of this.pace) {
      const tall = Math.max(2, count / most * (height - 2));
      context.fillRect(width - (now - second + 1) * width / SECONDS,
                       height - tall, width / SECONDS - 1, tall);
    }
  }
}

/** A poll for events lasts as long as nothing happens. */
const isPoll = (one) => /^Event$/.test(one.text);

const milliseconds = (ms) => ms >= 10000 ? `${(ms / 1000).toFixed(1)} s` :
  ms >= 100 ? `${ms.toFixed(0)} ms` : `${ms.toFixed(1)} ms`;

const bytes = (count) => count >= 1e6 ? `${(count / 1e6).toFixed(1)} MB` :
  count >= 1e3 ? `${(count / 1e3).toFixed(0)} kB` : `${count} B`;
