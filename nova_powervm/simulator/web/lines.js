// The lines from partitions to the VIOSes and switches that serve them.

import {svg} from './dom.js';

/** A host with more partitions shows only the lines that are asked for. */
const MOST = 24;
/** Partitions that have changed, whose lines are shown in any case. */
const MOST_RECENT = 6;
/** Milliseconds for which a change shows its lines in any case. */
const RECENT = 4000;

export class Lines {
  /** shown: a host of SiteView. */
  constructor(body, shown) {
    this.shown = shown;
    this.body = body;
    this.layer = svg('svg', {class: 'lines', 'aria-hidden': 'true'});
    body.prepend(this.layer);
    this.changed = new Map();
    this.again = null;
    new ResizeObserver(() => this.redraw()).observe(body);
  }

  /** Show the lines of a partition for a while: it has changed. */
  recent(key) {
    this.changed.set(key, performance.now() + RECENT);
  }

  draw(objects, selected, hovered) {
    this.last = [objects, selected, hovered];
    const now = performance.now();
    for (const [key, until] of this.changed) {
      if (until < now) this.changed.delete(key);
    }
    clearTimeout(this.again);
    if (this.changed.size && this.shown.tiles.size > MOST) {
      this.again = setTimeout(() => this.redraw(), RECENT);
    }
    const bright = new Set([selected, hovered]);
    const keys = this.shown.tiles.size <= MOST ? [...this.shown.tiles.keys()] :
      [...new Set([selected, hovered,
                   ...[...this.changed.keys()].slice(-MOST_RECENT)])];
    const base = this.body.getBoundingClientRect();
    const ends = this.ends(base);
    const marks = keys.filter((key) => this.shown.tiles.has(key) &&
                              !this.shown.tiles.get(key).hidden)
      .flatMap((key) => this.marks(objects.get(key), ends, base,
                                   this.shown.tiles.get(key),
                                   bright.has(key)));
    this.layer.replaceChildren(...marks);
  }

  redraw() {
    if (this.last) this.draw(...this.last);
  }

  ends(base) {
    const found = new Map();
    for (const node of this.body.querySelectorAll('[data-node]')) {
      const box = node.getBoundingClientRect();
      found.set(node.dataset.node, {x: box.left - base.left + box.width / 2,
                                    y: box.bottom - base.top,
                                    width: box.width});
    }
    return found;
  }

  marks(data, ends, base, tile, isBright) {
    if (!data) return [];
    const wires = wiring(data);
    const box = tile.getBoundingClientRect();
    const found = [];
    wires.forEach(({node, kind, count}, number) => {
      const end = ends.get(node);
      if (!end) return;
      const x = box.left - base.left + box.width * (number + 1) /
        (wires.length + 1);
      const y = box.top - base.top;
      // Each kind has its own place at the bottom of a card.
      const from = end.x + end.width * {disk: -0.2, fc: 0, port: 0.2}[kind];
      const bend = Math.max(18, (y - end.y) / 2);
      found.push(svg('path', {
        class: `wire ${kind}${isBright ? ' bright' : ''}`,
        'stroke-width': Math.min(3, 1 + count / 2),
        d: `M${from} ${end.y}C${from} ${end.y + bend} ${x} ${y - bend} ` +
           `${x} ${y}`}));
    });
    return found;
  }
}

/** To what a partition is connected, and how often. */
function wiring(data) {
  const found = new Map();
  const add = (node, kind) => {
    const wire = found.get(node + kind) || {node, kind, count: 0};
    wire.count += 1;
    found.set(node + kind, wire);
  };
  data.disks.forEach((disk) => add(`vios/${disk.vios}`, 'disk'));
  data.fc_ports.forEach((port) => add(`vios/${port.vios}`, 'fc'));
  for (const port of data.ports) {
    if (port.switch) add(`switch/${port.switch}`, 'port');
    (port.devices || []).forEach(([vios]) => add(`vios/${vios}`, 'port'));
  }
  return [...found.values()];
}
