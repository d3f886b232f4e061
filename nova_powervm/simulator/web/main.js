// Reads the events of the site, and hands them to those who show them.

import {byId, el} from './dom.js';
import {Faults} from './faults.js';
import {Requests} from './requests.js';
import {SiteView} from './site.js';

const RETRY_SECONDS = 5;
/** Milliseconds that a frame may take to change the page. */
const BUDGET = 12;
/** Objects of which each lights up when it changes. */
const MANY = 30;

const objects = new Map();
const names = new Map();
const changed = new Set();
let scheduled = false;
/** Whether so much changes at once that nothing lights up. */
let many = false;

const faults = new Faults();
const site = new SiteView(byId('hosts'), byId('detail'), objects, faults);
const requests = new Requests(names, faults);

function applyPicture(picture) {
  const gone = new Set(picture.gone);
  if (picture.reset) {
    for (const key of objects.keys()) if (!(key in picture.set)) gone.add(key);
  }
  for (const key of gone) {
    objects.delete(key);
    changed.add(key);
  }
  for (const [key, data] of Object.entries(picture.set)) {
    objects.set(key, data);
    // Names of what is gone remain, for the requests that were about it.
    if (data.uuid) names.set(data.uuid.toUpperCase(), {key, name: data.name});
    changed.add(key);
  }
  many ||= changed.size > MANY;
  schedule();
}

function schedule() {
  if (!scheduled) {
    scheduled = true;
    requestAnimationFrame(draw);
  }
}

/** Change what is shown, for as long as a frame has time; then go on. */
function draw() {
  scheduled = false;
  const end = performance.now() + BUDGET;
  const keys = [...changed].sort((one, other) => rank(one) - rank(other));
  for (const key of keys) {
    changed.delete(key);
    site.update(key, !many);
    if (performance.now() > end) break;
  }
  if (changed.size) schedule();
  else {
    many = false;
    site.finish();
    showTotals();
  }
}

const rank = (key) => ({host: 0, vios: 1, pool: 2}[key.split('/')[0]] ??
                       10 + (objects.get(key)?.id || 0));

function showTotals() {
  const all = [...objects.values()];
  const lpars = all.filter((data) => data.type === 'lpar');
  const on = lpars.filter((data) => data.state === 'running').length;
  const count = (type) => all.filter((data) => data.type === type).length;
  const parts = [['Hosts', count('host')], ['VIOSes', count('vios')],
                 ['LPARs', lpars.length], ['running', on]];
  byId('totals').replaceChildren(...parts.map(([name, value]) => el(
    'div', {}, el('dt', {}, name), el('dd', {}, String(value)))));
}

function setLive(text, state) {
  const live = byId('live');
  live.textContent = text;
  live.className = `live ${state}`;
}

function connect() {
  const source = new EventSource('/simulator/stream');
  const on = (name, act) => source.addEventListener(
    name, (event) => act(JSON.parse(event.data)));
  on('site', (data) => {
    setLive('live', 'on');
    byId('site').textContent = data.name;
    document.title = `${data.name} – simulated PowerVM site`;
    faults.setEndpoints(data.endpoints);
    requests.setSite(data);
  });
  on('picture', applyPicture);
  on('faults', (data) => faults.show(data));
  on('requests', (data) => {
    requests.add(data.requests);
    for (const key of requests.touched(data.requests)) site.touch(key);
  });
  source.onerror = () => {
    setLive('no connection', 'off');
    // The browser itself tries again only if the server has hung up.
    if (source.readyState === EventSource.CLOSED) {
      setTimeout(connect, RETRY_SECONDS * 1000);
    }
  };
}

byId('find').addEventListener('input', (event) => site.find(event.target.value));
connect();
