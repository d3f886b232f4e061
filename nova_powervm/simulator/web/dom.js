// Elements and text. A name of the site is only ever the text of a node.

const SVG = 'http://www.w3.org/2000/svg';

/** Make an element: el('p', {class: 'x', onclick: f}, 'text', child, ...). */
export function el(tag, properties, ...children) {
  return fill(document.createElement(tag), properties, children);
}

/** Make an element of SVG. */
export function svg(tag, properties, ...children) {
  return fill(document.createElementNS(SVG, tag), properties, children);
}

function fill(made, properties, children) {
  for (const [name, value] of Object.entries(properties || {})) {
    if (typeof value === 'function') made[name] = value;
    else if (value !== null && value !== undefined && value !== false) {
      made.setAttribute(name, value === true ? '' : value);
    }
  }
  made.append(...children.flat().filter((child) => child !== null));
  return made;
}

export const byId = (id) => document.getElementById(id);

/** Format a size in GiB. */
export function size(gib) {
  if (gib >= 1024) return `${round(gib / 1024)} TiB`;
  if (gib >= 1 || gib === 0) return `${round(gib)} GiB`;
  if (gib * 1024 >= 1) return `${round(gib * 1024)} MiB`;
  return `${Math.ceil(gib * 1024 * 1024)} KiB`;
}

export const round = (number) => String(Math.round(number * 10) / 10);

export const plural = (count, word) =>
  `${count} ${word}${count === 1 ? '' : word.endsWith('S') ? 'es' : 's'}`;

/** Let an element light up for a moment. */
export function flash(node, kind = 'changed') {
  const colour = getComputedStyle(document.documentElement)
    .getPropertyValue(`--${kind}`);
  node.animate([{boxShadow: `0 0 0 3px ${colour}`},
                {boxShadow: '0 0 0 3px transparent'}],
               {duration: 1400, easing: 'ease-out'});
}
