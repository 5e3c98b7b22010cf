'use strict';
// The topology as a picture. The server says where everything stands; here it is drawn once, and its numbers are written again and again.

const KINDS = { stream: 'Kinesis stream', table: 'table', queue: 'queue', 'dead-letters': 'dead letters', bucket: 'bucket', topic: 'topic', bus: 'event bus', email: 'e-mail', schedules: 'schedules', function: 'function', api: 'HTTP API', url: 'function URL' };

function curve(points) {
  let path = `M${points[0][0]} ${points[0][1]}`;
  for (let n = 1; n < points.length; n++) {
    const [[x0, y0], [x1, y1]] = [points[n - 1], points[n]];
    const bend = (x1 - x0) / 2;
    path += y0 === y1 || x1 < x0 ? `L${x1} ${y1}` : `C${x0 + bend} ${y0} ${x1 - bend} ${y1} ${x1} ${y1}`;
  }
  return path;
}

class Picture {
  constructor(place, topology) {
    const svg = shape('svg', { viewBox: `0 0 ${topology.width} ${topology.height}`, role: 'img', 'aria-label': 'Topology; the table below says the same' });
    this.edges = new Map();
    this.nodes = [];
    for (const edge of topology.edges) {
      const count = shape('text', { class: 'edge-count', x: edge.points[0][0] + 5, y: edge.points[0][1] - 2 });
      const title = shape('title', {});
      const group = shape('g', { class: `${edge.kind} zero`, 'data-edge': edge.id }, title, shape('path', { class: 'edge', d: curve(edge.points) }), count);
      svg.append(group);
      this.edges.set(edge.id, { group, count, title, kind: edge.kind });
    }
    for (const node of topology.nodes) {
      const [x, y, width, height] = node.box;
      const middle = y + height / 2;
      const name = shape('text', { class: 'name', x: x + 9, y: middle - 3 }, fitted(node.name, 17));
      const note = shape('text', { class: 'note', x: x + 9, y: middle + 11 }, KINDS[node.kind]);
      const group = shape('g', { class: `node ${node.kind}`, 'data-node': `${node.kind} ${node.name}` }, shape('title', {}, `${KINDS[node.kind]} ${node.name}`),
        shape('rect', { x, y, width, height, rx: 7 }), name, note);
      svg.append(group);
      this.nodes.push({ ...node, group, note });
    }
    // Never much larger than it is meant, and never so small that nothing can be read: a narrow window scrolls it.
    svg.style.maxWidth = `${topology.width * 1.15}px`;
    svg.style.minWidth = `${Math.min(topology.width, 900)}px`;
    place.replaceChildren(svg);
  }

  show(state) {
    for (const [id, drawn] of this.edges) {
      const counts = state.edges[id] || {};
      const waits = (counts.waiting || 0) + 0;
      drawn.count.textContent = counts.count == null ? '–' : number(counts.count) + (waits ? ` +${number(waits)}` : '');
      drawn.title.textContent = `${id}: ${counts.count ?? 'not counted'}` + (counts.waiting == null ? '' : `, ${counts.waiting} waiting, ${counts.in_flight ?? 0} in flight, ${counts.failures} failures`);
      drawn.group.classList.toggle('zero', !counts.count && !waits);
      drawn.group.classList.toggle('busy', Boolean(counts.in_flight));
    }
    for (const node of this.nodes) {
      if (node.kind === 'function') {
        const has = state.status.functions[node.name];
        if (has) node.note.textContent = `${has.environments} env · ${number(has.invocations)} calls` + (has.errors ? ` · ${number(has.errors)} err` : '');
      } else if (node.kind === 'api' || node.kind === 'url') {
        const kind = node.kind === 'api' ? 'api' : 'function-url';
        const has = (state.status.gateways || []).find((gateway) => gateway.kind === kind && gateway.name === node.name);
        if (has) node.note.textContent = `${number(has.requests)} requests` + (has.server_errors ? ` · ${number(has.server_errors)} 5xx` : has.client_errors ? ` · ${number(has.client_errors)} 4xx` : '');
      } else if (node.kind === 'dead-letters') {
        const letters = state.status.dead_letters[node.name];
        node.note.textContent = letters == null ? 'dead letters' : `${number(letters)} ${letters === 1 ? 'letter' : 'letters'}`;
        node.group.classList.toggle('has-letters', letters > 0);
      }
    }
  }
}
