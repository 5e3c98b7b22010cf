'use strict';
// The page of a timeline. Everything that comes from data goes into the page as text, never as markup.

const LANE = 34;
const LEFT = 170;
const TOP = 14;
const linked = (id) => element('a', { href: `/timeline?id=${encodeURIComponent(id)}` }, id);
const when = (text) => new Date(text).toISOString().slice(0, 19).replace('T', ' ') + 'Z';

function duration(ms) {
  if (ms == null) return '';
  const [sign, seconds] = [ms < 0 ? '−' : '', Math.abs(ms) / 1000];
  if (seconds < 1) return `${sign}${Math.abs(ms)} ms`;
  if (seconds < 60) return `${sign}${seconds.toFixed(1)} s`;
  if (seconds < 3600) return `${sign}${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`;
  if (seconds < 86400) return `${sign}${Math.floor(seconds / 3600)} h ${Math.floor(seconds / 60) % 60} min`;
  return `${sign}${Math.floor(seconds / 86400)} d ${Math.floor(seconds / 3600) % 24} h`;
}

// The place of each entry on the axis of time. A pause ten times as long is 14 points longer, so that milliseconds and days can both be seen.
function places(entries) {
  let [x, before] = [LEFT + 12, null];
  return entries.map((entry) => {
    const now = Date.parse(entry.at);
    if (before !== null) x += 15 + 14 * Math.log10(1 + Math.max(0, now - before));
    before = Math.max(now, before ?? now);
    return x;
  });
}

function mark(kind, x, y) {
  if (kind === 'event') return shape('circle', { class: 'entry', cx: x, cy: y, r: 5 });
  if (kind === 'moved' || kind === 'forced') return shape('path', { class: 'entry', d: `M${x - 6} ${y}L${x} ${y - 6}L${x + 6} ${y}L${x} ${y + 6}Z` });
  if (kind === 'command') return shape('path', { class: 'entry command', d: `M${x - 4} ${y - 5}L${x + 6} ${y}L${x - 4} ${y + 5}Z` });
  if (kind.startsWith('deadline')) return shape('circle', { class: 'entry deadline', cx: x, cy: y, r: 4 });
  const trouble = ['refused', 'stuck', 'unread'].includes(kind) ? ' trouble' : '';
  return shape('rect', { class: `entry${trouble}`, x: x - 4.5, y: y - 4.5, width: 9, height: 9 });
}

// The entry from which something waits: of a command its own, of a deadline the one that set it.
function origin(found, wait) {
  if (wait.number) return wait.number;
  return found.entries.find((entry) => entry.what === 'deadline_set' && entry.stream === wait.stream && entry.deadline === wait.deadline)?.number;
}

function picture(found) {
  const lane = new Map(found.streams.map((stream, place) => [stream, TOP + LANE * (place + .5)]));
  const x = places(found.entries);
  const [end, bottom] = [x[x.length - 1] + 60, TOP + LANE * found.streams.length];
  const svg = shape('svg', { viewBox: `0 0 ${end} ${bottom + 30}`, width: end, role: 'img', 'aria-label': 'Timeline; the table below says the same' });
  svg.style.width = `${end}px`;
  const place = (number) => [x[number - 1], lane.get(found.entries[number - 1].stream)];
  for (const [stream, y] of lane) {
    svg.append(shape('line', { class: 'lane', x1: LEFT, x2: end, y1: y, y2: y }), shape('text', { class: 'lane-name', x: 4, y: y + 4 }, shape('title', {}, stream), fitted(stream, 27)));
  }
  for (const entry of found.entries.filter((entry) => entry.cause)) {
    const [[x0, y0], [x1, y1]] = [place(entry.cause), place(entry.number)];
    const bend = Math.min(40, (x1 - x0) / 2);
    const path = y0 !== y1 ? `M${x0} ${y0}C${x0 + bend} ${y0} ${x1 - bend} ${y1} ${x1} ${y1}` : x1 - x0 < 20 ? `M${x0} ${y0}L${x1} ${y1}` : `M${x0} ${y0}Q${(x0 + x1) / 2} ${y0 - 15} ${x1} ${y1}`;
    svg.append(shape('path', { class: 'cause', d: path, 'data-cause': `${entry.cause}-${entry.number}` }));
  }
  for (const wait of found.waits) {
    const number = origin(found, wait);
    if (!number) continue;
    const [x0, y0] = place(number);
    svg.append(shape('path', { class: 'open', d: `M${x0} ${y0}Q${(x0 + end) / 2} ${y0 + 15} ${end} ${y0}` }, shape('title', {}, wait.text)));
  }
  let labelled = -Infinity;
  const began = Math.min(...found.entries.map((entry) => Date.parse(entry.at)));
  svg.append(shape('line', { class: 'axis', x1: LEFT, x2: end, y1: bottom + 4, y2: bottom + 4 }));
  for (const entry of found.entries) {
    const [at, y] = place(entry.number);
    svg.append(shape('g', { 'data-entry': entry.number }, shape('title', {}, `#${entry.number} ${entry.text} (${entry.at})`), mark(entry.what, at, y)));
    if (at - labelled < 64) continue;
    labelled = at;
    svg.append(shape('line', { class: 'axis', x1: at, x2: at, y1: bottom + 1, y2: bottom + 7 }), shape('text', { class: 'tick', x: at, y: bottom + 20 }, `+${duration(Date.parse(entry.at) - began)}`));
  }
  return svg;
}

function row(entry) {
  const cause = entry.cause ? element('a', { href: `#entry-${entry.cause}` }, `#${entry.cause}`) : entry.outside ? `${entry.outside.id} of ${entry.outside.source}` : '';
  const trouble = ['refused', 'stuck', 'unread'].includes(entry.what) ? 'text bad' : 'text';
  return element('tr', { id: `entry-${entry.number}` }, cell(number(entry.number), 'n'), cell(time(entry.at)), cell(duration(entry.since_cause_ms), 'n'), cell(duration(entry.since_arrival_ms), 'n'),
    cell(entry.stream), cell(number(entry.version), 'n'), cell(entry.text, trouble), cell(cause));
}

let asked = 0;
async function show(id) {
  const mine = ++asked;
  at('note').textContent = 'reading …';
  at('shown').hidden = true;
  for (const list of ['about', 'waits', 'missing']) at(list).replaceChildren();
  try {
    const found = await json(`/console/timeline?id=${encodeURIComponent(id)}`);
    if (mine !== asked) return;
    document.title = `Tidegate: timeline of ${id}`;
    at('note').textContent = `${number(found.entries.length)} ${found.entries.length === 1 ? 'entry' : 'entries'} of ${id}`;
    at('about').replaceChildren(...found.summary.map((line) => element('li', {}, line)));
    at('waits').replaceChildren(...found.waits.map((wait) => element('li', { 'data-wait': wait.for }, element('b', { class: wait.for === 'operator' ? 'bad' : 'soft' }, 'waits'), wait.text)));
    at('missing').replaceChildren(...found.missing.map((line) => element('li', { class: 'bad' }, line)));
    if (found.entries.length) at('timeline').replaceChildren(picture(found));
    at('entries').tBodies[0].replaceChildren(...found.entries.map(row));
    at('shown').hidden = !found.entries.length;
  } catch (error) {
    if (mine === asked) at('note').textContent = error.message;
  }
}

async function instances() {
  try {
    const { instances: list, missing } = await json('/console/instances');
    at('instances-note').textContent = [...(list.length ? [] : ['none']), ...missing].join('; ');
    at('instances').tBodies[0].replaceChildren(...list.map((one) => element('tr', { 'data-instance': one.instance }, cell(linked(one.instance)), cell(one.ended ? `ended: ${one.state}` : one.state),
      cell(when(one.since)), cell(one.due ? when(one.due) : '–'), cell(one.stuck || '', 'text bad'))));
  } catch (error) {
    at('instances-note').textContent = error.message;
  }
}

at('search').addEventListener('submit', (event) => {
  event.preventDefault();
  const id = at('id').value.trim();
  if (!id) return;
  history.replaceState(null, '', `?id=${encodeURIComponent(id)}`); // a link to this timeline
  show(id);
});
const wanted = new URLSearchParams(location.search).get('id');
if (wanted) {
  at('id').value = wanted;
  show(wanted);
}
instances();
