// The storage area network: what works is a click away from what does not.

import {byId, el, plural, size} from './dom.js';

/** Volumes that are listed; those with a fault come first. */
const MOST = 40;
const FAULTS = {not_exported: 'not exported', wrong_lun: 'wrong LUN',
                path_down: 'paths down', reserved: 'reserved'};

/** A button that brings something up or down. */
export function toggle(up, name, act) {
  return el('button', {class: up ? 'up' : 'down', 'aria-pressed': String(!up),
                       title: up ? `Take ${name} down` : `Bring ${name} up`,
                       onclick: () => act(!up)}, name);
}

/** Show the network, or nothing; faults: Faults, which sends the actions. */
export function showSan(data, faults) {
  byId('san').hidden = !data;
  if (!data) return;
  const act = (action, more) => faults.act({action, ...more});
  byId('fabrics').replaceChildren(
    ...data.fabrics.map((fabric) => toggle(
      fabric.up, `fabric ${fabric.name}`,
      (up) => act('set_fabric', {fabric: fabric.name, up}))),
    ...data.targets.map((target) => toggle(
      target.up, `${target.array} ${target.wwpn.slice(-6)}`,
      (up) => act('set_fc_port', {wwpn: target.wwpn, up}))));
  const volumes = [...data.volumes].sort(
    (one, other) => other.faults.length - one.faults.length);
  byId('volumes').replaceChildren(...volumes.slice(0, MOST).map((volume) => el(
    'li', {class: volume.faults.length ? 'hit' : ''},
    el('strong', {title: volume.clients.join(', ')}, volume.id),
    el('span', {class: 'facts'}, `${size(volume.size)}, ` +
       `${plural(volume.exports, 'export')}`),
    el('select', {'aria-label': `Fault of ${volume.id}`, onchange: (event) => {
      const fault = event.target.value;
      act('clear_volume_faults', {volume: volume.id}).then(
        () => fault && act('set_volume_fault', {volume: volume.id, fault}));
    }}, el('option', {value: ''}, 'works'),
    Object.entries(FAULTS).map(([value, text]) => el(
      'option', {value, selected: volume.faults.includes(value)}, text))))),
    ...(volumes.length > MOST ? [el(
      'li', {class: 'facts'}, `and ${volumes.length - MOST} more`)] : []));
}
