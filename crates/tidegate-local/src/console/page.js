'use strict';
// The page of the whole system. Everything that comes from data goes into the page as text, never as markup.

const AGAIN = 1000;

// A list is written again only when it is another one: what has the focus, or is selected, stays.
function rewrite(place, key, make) {
  const text = JSON.stringify(key);
  if (place.shown === text) return;
  const focused = place.contains(document.activeElement) ? document.activeElement.getAttribute('data-key') : null;
  place.shown = text;
  place.replaceChildren(...make());
  if (focused) [...place.querySelectorAll('[data-key]')].find((item) => item.getAttribute('data-key') === focused)?.focus();
}

function summary(status) {
  const busy = status.idle ? 'idle' : `busy: ${number(status.in_flight)} in flight, ${number(status.lag)} waiting`;
  const letters = status.dead_letters.total || 0;
  const away = status.emulator.unanswered_seconds;
  const silent = away == null ? '' : ` · the emulator has not answered for ${number(away)} s`;
  at('summary').textContent = `${busy}${silent} · ${number(letters)} dead ${letters === 1 ? 'letter' : 'letters'} · ${status.emulator.name} at ${status.emulator.endpoint} · up ${Math.round(status.engine.uptime_seconds)} s`;
}

function edges(state) {
  rewrite(at('edges').tBodies[0], state.edges, () => Object.entries(state.edges).map(([id, counts]) => {
    const shown = (value) => (value == null ? '' : number(value));
    counts = counts || {};
    return element('tr', { 'data-edge': id }, cell(id), cell(counts.count == null ? '–' : number(counts.count), 'n'), cell(shown(counts.waiting), 'n'),
      cell(shown(counts.in_flight), 'n'), cell(shown(counts.failures), counts.failures ? 'n bad' : 'n'));
  }));
}

function functions(status) {
  const took = (durations, which) => (durations.count ? durations[which].toFixed(1) : '–');
  const mega = (bytes) => (bytes / 1048576).toFixed(1);
  rewrite(at('functions').tBodies[0], status.functions, () => Object.entries(status.functions).map(([name, f]) => element('tr', { 'data-function': name },
    cell(name), cell(number(f.environments), 'n'), cell(number(f.invocations), 'n'), cell(took(f.duration_ms, 'p50'), 'n'), cell(took(f.duration_ms, 'p99'), 'n'),
    cell(number(f.errors), f.errors ? 'n bad' : 'n'), cell(number(f.timeouts), f.timeouts ? 'n bad' : 'n'), cell(number(f.throttles), 'n'),
    cell(mega(f.rss_bytes), 'n'), cell(`${mega(f.peak_rss_bytes)} of ${f.memory_mb}`, 'n'))));
  const failed = troubles(status);
  rewrite(at('errors'), failed, () => failed.map((said) => element('pre', { class: 'bad' }, said)));
}

// Archives of buses, and the replays from them, newest first.
function archives(status) {
  const all = [status.archives || [], [...(status.replays || [])].sort((a, b) => b.started.localeCompare(a.started))];
  at('archived').hidden = !all.flat().length;
  rewrite(at('archives'), all, () => [
    ...all[0].map((a) => element('li', { 'data-archive': a.bus }, `archive of bus ${a.bus}: ${number(a.events)} ${a.events === 1 ? 'event' : 'events'}, kept for ${number(a.days)} ${a.days === 1 ? 'day' : 'days'}`)),
    ...all[1].map((r) => element('li', { 'data-replay': r.name, class: r.state === 'FAILED' ? 'bad' : '' },
      `replay ${r.name} of bus ${r.bus}: ${r.state.toLowerCase()}, ${number(r.events || 0)} ${r.events === 1 ? 'event' : 'events'}${r.reason ? `: ${r.reason}` : ''}`)),
  ]);
}

// What goes wrong now, and the last error of everything that delivers.
function troubles(status) {
  const functions = Object.entries(status.functions);
  const buses = status.buses.flatMap((b) => [[`bus ${b.bus}`, b.last_error], ...Object.entries(b.rules).map(([rule, r]) => [`rule ${rule} of bus ${b.bus}`, r.last_error])]);
  const topics = status.topics.flatMap((t) => [[`topic ${t.topic}`, t.last_error], ...Object.entries(t.subscriptions).map(([name, s]) => [`subscription ${name} of topic ${t.topic}`, s.last_error])]);
  const last = [...status.mappings.map((m) => [m.name, m.last_error]), ...status.asynchronous.map((a) => [`events → ${a.function}`, a.last_error]), ...buses, ...topics, ['schedules', status.schedules.last_error]];
  return [
    ...functions.filter(([, f]) => f.start_failure).map(([name, f]) => `${name} cannot be started: ${f.start_failure}`),
    ...functions.filter(([, f]) => f.log_failure).map(([name, f]) => `${name}: ${f.log_failure}`),
    ...functions.filter(([, f]) => f.metrics_left_out).map(([name, f]) => `${name}: its metrics have too many names, and ${number(f.metrics_left_out)} values of further ones are not kept`),
    ...last.filter(([, error]) => error).map(([name, error]) => `last error of ${name}: ${error}`),
  ];
}

// The schedules that come next.
function schedules(status) {
  const { next, schedules } = status.schedules;
  at('schedules-section').hidden = !schedules;
  rewrite(at('schedules').tBodies[0], next, () => next.map((s) => element('tr', { 'data-schedule': `${s.group}/${s.name}` }, cell(`${s.group}/${s.name}`), cell(`${s.expression} ${s.time_zone}`),
    cell(s.comes ? time(s.comes) : s.enabled ? 'never again' : 'disabled'), cell(number(s.fired), 'n'), cell(number(s.retries), 'n'), cell(number(s.failed), s.failed ? 'n bad' : 'n'))));
}

// Links to the timelines that a record or letter names: of its correlation id, and of its stream.
function timelines(text) {
  const links = [];
  for (const name of ['correlationid', 'subject']) {
    const found = new RegExp(`\\\\?"${name}\\\\?":\\s*\\\\?"([^"\\\\]+)`).exec(text);
    if (found && !links.includes(found[1])) links.push(found[1]);
  }
  return links.map((id) => element('a', { class: 'timeline', href: `/timeline?id=${encodeURIComponent(id)}` }, `timeline of ${id}`));
}

const outcome = (d) => {
  const failed = `${d.failed} of ${d.records} failed`;
  return { ok: 'ok', reported: failed, ignored: `${failed}, ignored` }[d.outcome] ?? 'failed';
};
const opened = (d) => element('button', { class: 'link id', 'data-key': `d${d.number}`, onclick: () => detail(d.number) }, d.request_id);

function deliveries(list) {
  rewrite(at('deliveries').tBodies[0], list.map((d) => d.number), () => list.map((d) => element('tr', { 'data-delivery': d.number }, cell(time(d.at)), cell(d.function), cell(d.way.split(' → ')[0]),
    cell(number(d.records), 'n'), cell(outcome(d), d.outcome === 'ok' ? 'good' : 'bad'), cell(d.took_ms.toFixed(1), 'n'), element('td', {}, opened(d)))));
}

async function detail(which) {
  const body = at('detail-body');
  at('detail-title').textContent = `Delivery ${which}`;
  body.replaceChildren();
  at('detail').showModal();
  try {
    const d = await json(`/console/deliveries/${which}`);
    at('detail-title').textContent = `${d.way}: ${outcome(d)}`;
    body.append(element('p', { class: 'soft' }, `${d.at} · ${d.took_ms.toFixed(1)} ms · request ${d.request_id} · ${d.records} ${d.records === 1 ? 'record' : 'records'}`));
    if (d.outcome === 'ignored') body.append(element('p', { class: 'bad' }, d.error));
    body.append(element('h3', {}, 'Answer'), element('pre', {}, d.answer || '(empty)'));
    for (const record of d.content) body.append(element('h3', {}, record.positions.join(' ') || 'Event'), element('pre', {}, record.text), ...timelines(record.text));
  } catch (error) {
    body.append(element('p', { class: 'bad' }, error.message));
  }
}

const letter = (l) => element('li', {}, element('div', { class: 'head' }, element('b', {}, l.to), element('span', { class: 'soft' }, `${time(l.at)} given up by ${l.function}`)), element('pre', {}, l.text), ...timelines(l.text));

function letters(counts, newest) {
  const queues = Object.entries(counts).filter(([name]) => name !== 'total');
  rewrite(at('queues'), queues, () => queues.map(([name, count]) => element('li', { 'data-queue': name }, element('b', { class: count ? 'bad' : 'soft' }, number(count)), name,
    element('button', { 'data-key': name, onclick: () => peek(name), title: 'Receives up to ten messages and leaves them there: their receive counts go up by one' }, 'Peek'))));
  rewrite(at('letters'), newest, () => newest.length ? newest.map(letter) : [element('li', { class: 'soft' }, 'none')]);
}

// Held effects and the like: how many, and the command that lists them.
function waits(list) {
  rewrite(at('waits'), list, () => list.map((w) => element('li', { 'data-waits': `${w.what} ${w.of}` },
    element('b', { class: w.count === 0 ? 'soft' : 'bad' }, w.count == null ? '–' : number(w.count) + (w.more ? ' or more' : '')), `${w.what}: ${w.of}`,
    w.error ? element('span', { class: 'bad' }, w.error) : element('code', { class: 'soft' }, w.command))));
}

async function peek(queue) {
  const place = at('peeked');
  try {
    const messages = await json(`/console/dead-letters/${encodeURIComponent(queue)}/peek`, { method: 'POST' });
    at('peek-note').textContent = messages.length ? `${messages.length} of ${queue}; the receive count of each went up by one` : `no message can be received from ${queue} now`;
    place.replaceChildren(...messages.map((m) => element('li', {}, element('div', { class: 'head' }, element('span', { class: 'id' }, m.id || ''),
      element('span', { class: 'soft' }, `${m.sent || ''} · received ${m.receives ?? '?'} times`)), element('pre', {}, m.text), ...timelines(m.text))));
    place.hidden = !messages.length;
  } catch (error) {
    at('peek-note').textContent = `cannot peek: ${error.message}`;
    place.hidden = true;
  }
}

function step(s) {
  const head = (...parts) => element('div', { class: 'head' }, element('span', { class: 'soft' }, time(s.at)), element('b', {}, s.function), ...parts);
  if (s.kind === 'delivery') {
    const failed = s.outcome !== 'ok';
    const made = element('li', { class: failed ? 'delivery failed' : 'delivery' }, head(`delivery from ${s.way.split(' → ')[0]}`,
      element('span', { class: failed ? 'bad' : 'good' }, outcome(s)), element('span', { class: 'soft' }, `${s.took_ms.toFixed(1)} ms`), opened(s)));
    made.append(...s.about.flatMap((text) => [element('pre', {}, text), ...timelines(text)]));
    if (s.error) made.append(element('pre', { class: 'bad' }, s.error));
    return made;
  }
  if (s.kind === 'letter') return element('li', { class: 'letter' }, head(`given up, to ${s.to}`), element('pre', {}, s.text));
  const fields = s.fields.map(([name, value]) => `${name}=${value}`).join('  ');
  return element('li', { class: 'log' }, head(element('span', { class: s.level === 'ERROR' || s.level === 'WARN' ? 'bad' : 'soft' }, s.level || 'log'), s.message), ...(fields ? [element('pre', {}, fields)] : []));
}

let searched = 0;
async function search(id) {
  const mine = ++searched;
  at('path-note').textContent = 'searching …';
  try {
    const found = await json(`/console/path?id=${encodeURIComponent(id)}`);
    if (mine !== searched) return;
    const cut = found.found > found.steps.length ? `, the first ${found.steps.length} are shown` : '';
    at('path-note').textContent = found.found ? `${found.found} ${found.found === 1 ? 'step' : 'steps'} of ${id}${cut}` : `nothing among the newest deliveries and in the logs mentions ${id}`;
    at('path').replaceChildren(...found.steps.map(step));
  } catch (error) {
    if (mine === searched) at('path-note').textContent = error.message;
  }
}

let picture;
let newest = -1;
async function look() {
  if (!document.hidden) {
    try {
      picture ??= new Picture(at('picture'), await json('/console/topology'));
      const state = await json('/console/state');
      picture.show(state);
      summary(state.status);
      edges(state);
      functions(state.status);
      archives(state.status);
      if (state.newest !== newest) {
        deliveries(await json('/console/deliveries'));
        newest = state.newest;
      }
      waits(state.status.waits_for_operator);
      letters(state.status.dead_letters, await json('/console/dead-letters'));
      document.body.setAttribute('data-shown', state.newest);
    } catch (error) {
      at('summary').textContent = `the local system does not answer: ${error.message}`;
      picture = undefined; // another one may come to this port
      newest = -1;
    }
  }
  setTimeout(look, AGAIN);
}

at('search').addEventListener('submit', (event) => {
  event.preventDefault();
  const id = at('id').value.trim();
  if (!id) return;
  history.replaceState(null, '', `?id=${encodeURIComponent(id)}`); // a link to this path
  search(id);
});
const linked = new URLSearchParams(location.search).get('id');
if (linked) {
  at('id').value = linked;
  search(linked);
}
look();
