// The picture: hosts with their VIOSes, switches, pools and partitions.

import {byId, el, flash, plural, round, size} from './dom.js';
import {Lines} from './lines.js';
import {showSan, toggle} from './san.js';

/** A host with more partitions shows them small. */
const CROWD = 40;
const DISKS = {VirtualDisk: 'disk', PhysicalVolume: 'hdisk',
               LogicalUnit: 'unit', VirtualOpticalMedia: 'medium'};
const STATES = {running: 'on', starting: 'busy', 'shutting down': 'busy',
                'not activated': 'off', 'open firmware': 'busy',
                error: 'bad', suspended: 'off'};

const stateClass = (data) => data.state.startsWith('migrating') ? 'moving' :
  STATES[data.state] || 'odd';

/** What a disk or port is called on its chip, and its colour. */
function chips(data) {
  return [
    ...data.disks.map((disk) => ({
      kind: DISKS[disk.kind] || 'disk', text: disk.name,
      title: `${disk.name}, ${size(disk.size)}, on ${disk.vios} ` +
             `(${disk.adapter}, slot ${disk.slot}, ${disk.lua})`})),
    ...data.fc_ports.map((port) => ({
      kind: 'fc', text: port.wwpns[0] || 'FC',
      title: `Virtual Fibre Channel, ${port.vios} ${port.port || 'no port'}, ` +
             port.wwpns.join(' ')})),
    ...data.ports.map((port) => ({
      kind: 'port', text: port.vlan === undefined ? port.kind :
        `${port.kind === 'virtual' ? '' : `${port.kind} `}VLAN ${port.vlan}`,
      title: `${port.kind} port ${port.mac}` +
             (port.switch ? ` on ${port.switch}` : '')}))];
}

export class SiteView {
  /** objects: Map of key -> data, of main.js. */
  constructor(place, detail, objects, faults) {
    this.place = place;
    this.detail = detail;
    this.objects = objects;
    this.faults = faults;
    this.hosts = new Map();
    this.nodes = new Map();
    this.selected = null;
    this.wanted = '';
    this.dirty = new Set();
    place.addEventListener('click', (event) => this.click(event));
    place.addEventListener('pointerover', (event) => this.hover(event));
    place.addEventListener('pointerleave', (event) => this.hover(event));
  }

  /** Show an object as it is now, or no longer. */
  update(key, mayFlash) {
    const data = this.objects.get(key);
    const type = key.split('/')[0];
    if (type === 'host') this.updateHost(key, data);
    else if (type === 'pool') this.updatePool(key, data);
    else if (type === 'san') showSan(data, this.faults);
    else this.updatePartition(key, data, mayFlash);
    if (key === this.selected) this.showDetail();
  }

  updateHost(key, data) {
    let shown = this.hosts.get(key.slice('host/'.length));
    if (!data) {
      shown?.node.remove();
      this.hosts.delete(key.slice('host/'.length));
      return;
    }
    shown ||= this.makeHost(data);
    shown.data = data;
    shown.head.replaceChildren(
      el('h2', {}, data.name),
      el('p', {class: 'mtms'}, `${data.mtms} · ` + (data.is_hmc ?
        `HMC ${data.server}` : 'NovaLink') + ` · ${data.url}`),
      meter('memory', data.memory - data.free_memory, data.memory, size),
      meter('processors', data.processors - data.free_processors,
            data.processors, round));
    for (const child of [...shown.infra.querySelectorAll('.switch')]) {
      child.remove();
    }
    for (const one of data.switches) shown.infra.append(switchCard(one));
    this.dirty.add(shown);
  }

  makeHost(data) {
    const head = el('header', {class: 'host-head'});
    const infra = el('div', {class: 'infra'});
    const lpars = el('div', {class: 'lpars'});
    const body = el('div', {class: 'host-body'}, infra, lpars);
    const node = el('article', {class: 'host', 'data-host': data.name},
                    head, body);
    node.style.order = data.number;
    const shown = {node, head, infra, lpars, tiles: new Map(),
                   name: data.name};
    shown.lines = new Lines(body, shown);
    this.hosts.set(data.name, shown);
    this.place.append(node);
    return shown;
  }

  updatePool(key, data) {
    this.nodes.get(key)?.forEach((node) => node.remove());
    this.nodes.delete(key);
    if (!data) return;
    const made = [];
    for (const shown of this.hosts.values()) {
      if (!data.members.some(([host]) => host === shown.name)) continue;
      const node = el(
        'div', {class: 'card pool'}, el('h3', {}, data.name),
        el('p', {class: 'facts'}, `pool of ${data.cluster}, ` +
           plural(data.units, 'unit')),
        meter('used', data.capacity - data.free, data.capacity, size));
      shown.infra.append(node);
      made.push(node);
    }
    this.nodes.set(key, made);
  }

  updatePartition(key, data, mayFlash) {
    let node = this.nodes.get(key);
    const shown = this.hosts.get(key.split('/')[1]);
    if (!data || !shown) {
      node?.remove();
      this.nodes.delete(key);
      shown?.tiles.delete(key);
      if (key === this.selected) this.select(null);
      if (shown) this.dirty.add(shown);
      return;
    }
    if (!node) {
      node = el('button', {'data-key': key});
      node.style.order = data.id;
      this.nodes.set(key, node);
      if (data.type === 'vios') {
        node.dataset.node = `vios/${data.name}`;
        shown.infra.append(node);
      } else {
        shown.tiles.set(key, node);
        shown.lpars.append(node);
      }
    }
    if (data.type === 'vios') drawVios(node, data);
    else drawLpar(node, data);
    node.classList.toggle('selected', key === this.selected);
    this.filter(node, data);
    if (mayFlash) {
      flash(node);
      shown.lines.recent(key);
    }
    this.dirty.add(shown);
  }

  /** All changes are shown; now their lines. */
  finish() {
    for (const shown of this.dirty) {
      shown.lpars.classList.toggle('crowd', shown.tiles.size > CROWD);
      shown.lines.draw(this.objects, this.selected, this.hovered);
    }
    this.dirty.clear();
  }

  /** A request is about an object. */
  touch(key) {
    const node = this.nodes.get(key);
    if (node instanceof Element) flash(node, 'touched');
  }

  find(text) {
    this.wanted = text.trim().toLowerCase();
    for (const shown of this.hosts.values()) {
      for (const [key, node] of shown.tiles) {
        this.filter(node, this.objects.get(key));
      }
      this.dirty.add(shown);
    }
    this.finish();
  }

  filter(node, data) {
    if (data?.type === 'lpar') {
      node.hidden = !data.name.toLowerCase().includes(this.wanted);
    }
  }

  click(event) {
    const key = event.target.closest('[data-key]')?.dataset.key || null;
    this.select(key === this.selected ? null : key);
  }

  hover(event) {
    const key = event.type === 'pointerleave' ? null :
      event.target.closest('[data-key]')?.dataset.key || null;
    if (key === this.hovered) return;
    for (const one of [key, this.hovered]) {
      const shown = one && this.hosts.get(one.split('/')[1]);
      if (shown) this.dirty.add(shown);
    }
    this.hovered = key;
    requestAnimationFrame(() => this.finish());
  }

  select(key) {
    for (const one of [this.selected, key]) {
      const node = one && this.nodes.get(one);
      if (node) node.classList.toggle('selected', one === key);
      const shown = one && this.hosts.get(one.split('/')[1]);
      if (shown) this.dirty.add(shown);
    }
    this.selected = key;
    this.showDetail();
    this.finish();
  }

  showDetail() {
    const data = this.selected && this.objects.get(this.selected);
    this.detail.hidden = !data;
    if (!data) return;
    this.detail.replaceChildren(
      el('div', {class: 'head'},
         el('h2', {}, data.name),
         el('span', {class: `state ${stateClass(data)}`}, data.state),
         el('button', {onclick: () => this.select(null),
                       'aria-label': 'Close'}, '×')),
      el('p', {class: 'facts'}, `${data.os}, ID ${data.id}, RMC ${data.rmc}, ` +
         facts(data)),
      el('p', {class: 'uuid'}, data.uuid),
      ...(data.type === 'vios' ? viosDetail(data, this.faults) :
         lparDetail(data)),
      el('div', {class: 'presets'}, this.faults.actions(data)));
  }
}

const facts = (data) => `${size(data.memory)}, ` + (data.dedicated ?
  plural(data.processors, 'processor') :
  `${round(data.units)} unit${data.units === 1 ? '' : 's'}`);

function meter(name, used, total, format) {
  const bar = el('span', {class: 'bar'});
  bar.style.width = `${total ? Math.min(100, 100 * used / total) : 0}%`;
  return el('div', {class: 'meter', title: `${format(used)} of ` +
                    `${format(total)}`},
            el('span', {class: 'label'}, name),
            el('span', {class: 'track'}, bar),
            el('span', {class: 'value'}, `${format(used)} / ${format(total)}`));
}

function switchCard(data) {
  return el('div', {class: 'card switch', 'data-node': `switch/${data.name}`},
            el('h3', {}, data.name),
            el('p', {class: 'facts'}, data.seas.length ? 'virtual switch' :
               'virtual switch, internal'),
            data.seas.map(([vios, device, backing]) => el(
              'p', {class: 'sea'}, `${vios} ${device} → ${backing}`)));
}

function drawVios(node, data) {
  node.className = `card vios ${stateClass(data)}`;
  node.replaceChildren(
    el('h3', {}, el('span', {class: 'dot'}), data.name),
    el('p', {class: 'facts'}, data.state === 'running' ?
       (data.rmc === 'active' ? '' : `RMC ${data.rmc} · `) +
       plural(data.mappings, 'mapping') +
       (data.fc_mappings ? ` · ${data.fc_mappings} FC` : '') : data.state),
    ...data.groups.map((group) => meter(
      group.name, group.capacity - group.free, group.capacity, size)));
}

function drawLpar(node, data) {
  node.className = `lpar ${stateClass(data)}` +
    (data.management ? ' management' : '');
  node.title = `${data.name}: ${data.state}, RMC ${data.rmc}`;
  node.replaceChildren(
    el('span', {class: 'dot'}),
    el('span', {class: 'name'}, data.name),
    el('span', {class: `rmc ${data.rmc === 'active' ? 'active' : ''}`}, 'RMC'),
    el('span', {class: 'facts'}, (data.state === 'running' ? '' :
       `${data.state} · `) + facts(data)),
    el('span', {class: 'chips'}, chips(data).map((chip) => el(
      'span', {class: `chip ${chip.kind}`, title: chip.title}, chip.text))));
}

function table(head, rows) {
  return rows.length ? [el(
    'table', {}, el('thead', {}, el('tr', {}, head.map((text) => el(
      'th', {}, text)))),
    el('tbody', {}, rows.map((row) => el('tr', {}, row.map((text) => el(
      'td', {}, text instanceof Node ? text : String(text)))))))] : [];
}

function lparDetail(data) {
  return [
    ...table(['Disk', 'Size', 'VIOS', 'Slot'], data.disks.map((disk) => [
      disk.name, size(disk.size), disk.vios, disk.slot])),
    ...table(['Fibre Channel', 'VIOS', 'Slot'], data.fc_ports.map((port) => [
      port.wwpns.join(' '), `${port.vios} ${port.port || '–'}`, port.slot])),
    ...table(['Port', 'VLAN', 'On', 'Slot'], data.ports.map((port) => [
      port.mac, port.vlan ?? '–', port.switch || (port.devices ?
        port.devices.map(([, device]) => device.device).join(', ') :
        port.location), port.slot ?? '–']))];
}

function viosDetail(data, faults) {
  return [
    ...table(['Volume group', 'Free', 'Disks', 'Media'], data.groups.map(
      (group) => [group.name, `${size(group.free)} of ${size(group.capacity)}`,
                  group.disks, group.media ?? '–'])),
    ...table(['FC port', 'WWPN', 'Fabric'], data.fc_ports.map((port) => [
      toggle(port.up, port.name, (up) => faults.act(
        {action: 'set_fc_port', wwpn: port.wwpn, up})), port.wwpn,
      `${port.fabric || '–'}${port.up ? '' : ' (down)'}`])),
    ...(data.orphans.length ? [el('p', {class: 'facts'}, 'Without a client: ' +
      data.orphans.join(', '))] : [])];
}
