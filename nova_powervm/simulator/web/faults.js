// Faults by a click, through the control API.

import {byId, el, flash} from './dom.js';

const VIOS_WRITE = {method: 'POST', path: 'VirtualIOServer'};
const WRITE = {method: 'PUT|POST|DELETE', path: '/rest/api/(uom|web)/(?!Logon)'};
const ANY = {path: '/rest/api/uom/(?!Event)'};
/** Title, effect, and which requests if nothing else is chosen. */
const PRESETS = [
  ['VIOS busy', {effect: 'busy'}, VIOS_WRITE],
  ['VIOS goes down', {effect: 'vios_down'}, VIOS_WRITE],
  ['Stale etag', {effect: 'precondition'}, {...WRITE, if_match: true}],
  ['Error 500', {effect: 'status', status: 500}, WRITE],
  ['Answer lost', {effect: 'drop_after'}, WRITE],
  ['Request lost', {effect: 'drop_before'}, ANY],
  ['3 s late', {effect: 'delay', seconds: 3}, ANY],
  ['Job fails', {effect: 'job_failed'}, {}]];
const EFFECTS = Object.fromEntries(PRESETS.map(([title, spec]) => [
  spec.effect, title]));

export class Faults {
  constructor() {
    this.endpoints = [];
    this.shown = new Map();
    this.scope = null;
    byId('presets').append(...PRESETS.map(([title, spec, requests]) => el(
      'button', {'data-effect': spec.effect, onclick: () => this.add(
        spec, requests)}, title)));
    this.aim(null);
  }

  setEndpoints(endpoints) {
    const firsts = new Set();
    // Of two HMCs for the same hosts, the control API reaches the first.
    this.endpoints = endpoints.filter(({hosts}) => hosts.length &&
      !firsts.has(hosts[0]) && firsts.add(hosts[0]));
    const select = byId('server');
    const before = select.value;
    select.replaceChildren(...this.endpoints.map(({name}) => el(
      'option', {value: name, selected: name === before}, name)));
    select.hidden = this.endpoints.length < 2;
  }

  /** Choose the requests that the next faults are for; null for no choice. */
  aim(scope) {
    this.scope = scope;
    byId('scope').replaceChildren(...(scope ? [
      'for ', el('code', {title: scope.path}, scope.label),
      el('button', {onclick: () => this.aim(null),
                    'aria-label': 'For no certain requests'}, '×')] :
      ['for the next request that fits; ⚡ beside a request chooses its kind']));
    if (scope?.server && this.endpoints.some(
      ({name}) => name === scope.server)) byId('server').value = scope.server;
  }

  add(spec, requests) {
    const scope = this.scope && {
      path: this.scope.path,
      ...(this.scope.method ? {method: this.scope.method} : {})};
    const server = this.scope?.server || byId('server').value;
    this.post(server, 'faults', {
      ...spec, ...(scope || requests), count: Number(byId('count').value)});
  }

  /** Buttons for what can happen to a partition. */
  actions(data) {
    const act = (title, action, more) => el('button', {
      onclick: () => this.send('POST', [data.host, 'control'], {
        action, partition: data.uuid, ...more})}, title);
    const rmc = data.rmc === 'active' ?
      act('Cut RMC', 'set_rmc', {state: 'inactive'}) :
      act('RMC active', 'set_rmc', {state: 'active'});
    const isOn = data.state !== 'not activated';
    if (data.type === 'vios') {
      return [isOn ? act('Shut down', 'vios_down') : act('Start', 'vios_up'),
              rmc, el('button', {onclick: () => this.aim({
                label: `requests for ${data.name}`, path: data.uuid,
                server: this.serverOf(data.host)})}, '⚡ Faults')];
    }
    const set = (title, state) => act(title, 'set_partition_state', {state});
    return [...(isOn ? [set('Power off', 'not activated'),
                        set('Crash', 'error')] : [set('Power on', 'running')]),
            rmc, el('button', {onclick: () => this.aim({
              label: `requests for ${data.name}`, path: data.uuid,
              server: this.serverOf(data.host)})}, '⚡ Faults')];
  }

  /** Carry out an action that is for the whole site. */
  act(data) {
    return this.send('POST', [this.endpoints[0].hosts[0], 'control'], data);
  }

  serverOf(host) {
    return this.endpoints.find(({hosts}) => hosts.includes(host))?.name;
  }

  post(server, path, body) {
    const endpoint = this.endpoints.find(({name}) => name === server) ||
      this.endpoints[0];
    return this.send('POST', [endpoint.hosts[0], path], body);
  }

  async send(method, [host, path], body) {
    const problem = byId('problem');
    problem.hidden = true;
    try {
      const reply = await fetch(
        `/simulator/hosts/${encodeURIComponent(host)}/${path}`, {
          method, body: body && JSON.stringify(body),
          headers: body ? {'Content-Type': 'application/json'} : {}});
      if (!reply.ok) throw new Error((await reply.json()).error.message);
    } catch (error) {
      problem.textContent = error.message;
      problem.hidden = false;
    }
  }

  /** Show the faults that there are: lists by the name of the server. */
  show(faults) {
    const kept = new Map();
    const rows = [];
    for (const [server, list] of Object.entries(faults)) {
      for (const fault of list) {
        const key = `${server}/${fault.id}`;
        const row = this.row(server, fault);
        rows.push(row);
        kept.set(key, fault.applied);
        if (fault.applied !== (this.shown.get(key) || 0)) flash(row);
      }
    }
    this.shown = kept;
    byId('faults').replaceChildren(...rows);
  }

  row(server, fault) {
    const host = this.endpoints.find(({name}) => name === server)?.hosts[0];
    const hits = fault.applied ? `hit ${fault.applied}×` : 'waits';
    return el(
      'li', {class: fault.applied ? 'hit' : '', 'data-id': fault.id},
      el('strong', {}, EFFECTS[fault.effect] || fault.effect),
      el('code', {title: fault.path}, `${fault.method || 'any'} ` +
         `${fault.path || ''}`),
      el('span', {class: 'hits'}, fault.count ? `${hits} of ${fault.count}` :
         hits),
      host === undefined ? null : el('button', {
        'aria-label': 'Remove', onclick: () => this.send(
          'DELETE', [host, `faults/${fault.id}`])}, '×'));
  }
}
