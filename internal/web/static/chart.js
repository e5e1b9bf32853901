import { amount, exact, greatest, human, kinds, share } from './amounts.js';
import { el, svg } from './elements.js';

// mostZones is the most zones that a chart shows. The table shows all of them.
const mostZones = 12;

// bar shows an amount as a part of the greatest one. Traffic to the device is hatched, so that colour is not the only difference.
export function bar(value, most, hatched) {
  const width = value > 0n ? Math.max(share(value, most), 0.6) : 0;
  return svg('svg', { class: 'bar', width: '100%', height: '10', 'aria-hidden': 'true', focusable: 'false' },
    svg('rect', { class: 'track', width: '100%', height: '10', rx: '2' }),
    width > 0
      ? svg('rect', { class: hatched ? 'value hatched' : 'value', width: `${width}%`, height: '10', rx: '2' })
      : svg('rect', { class: 'zero', width: '2', height: '10' }));
}

// barLine is an amount with its bar. An amount that was not reported has no bar.
function barLine(value, kind, most) {
  const mark = kind.short && el('span', { class: 'mark' }, kind.short);
  if (value === null) {
    return el('div', { class: 'bar-line' }, mark, el('span', { class: 'gap' }), el('span', { class: 'null' }, 'not reported'));
  }
  return el('div', { class: 'bar-line' }, mark, bar(value, most, kind.short === 'MT'), el('span', { class: 'of' }, human(value, kind)));
}

// zonesOf lists the zones of all plans in which any of the kinds was reported. If there are many, it lists only the greatest.
function zonesOf(answer, these) {
  const zones = (answer.ratePlanUsages ?? []).flatMap((plan) => (plan.zoneUsages ?? []).map((zone) => ({
    plan: `${plan.ratePlan}, version ${plan.ratePlanVersion ?? 0}`,
    zone: zone.zone ?? '',
    values: these.map((kind) => amount(zone.usage, kind)),
  }))).filter((zone) => zone.values.some((value) => value !== null));
  if (zones.length <= mostZones) return { zones, left: 0 };
  const size = (zone) => greatest(zone.values);
  const least = [...zones].sort((a, b) => (size(b) > size(a) ? 1 : size(b) < size(a) ? -1 : 0))[mostZones - 1];
  const kept = zones.filter((zone) => size(zone) >= size(least)).slice(0, mostZones);
  return { zones: kept, left: zones.length - kept.length };
}

// described is the chart in words.
const described = (name, zones, these) => `${name} by rate plan and zone. ${zones.map((zone) =>
  `${zone.plan}, ${zone.zone}: ${these.map((kind, i) =>
    `${zone.values[i] === null ? 'not reported' : exact(zone.values[i], kind)}${kind.way && ` ${kind.way}`}`).join(', ')}`).join('. ')}.`;

function panel(name, answer) {
  const these = kinds.filter((kind) => kind.name === name);
  const { zones, left } = zonesOf(answer, these);
  if (zones.length === 0) return null;
  const most = greatest(zones.flatMap((zone) => zone.values));
  let plan = null;
  const rows = zones.flatMap((zone) => {
    const heading = zone.plan !== plan && el('p', { class: 'plan' }, zone.plan);
    plan = zone.plan;
    return [heading, el('div', { class: 'zone' }, el('p', { class: 'zone-name' }, zone.zone), these.map((kind, i) => barLine(zone.values[i], kind, most)))];
  });
  return el('figure', { class: 'card chart' },
    el('figcaption', {}, name, these.length > 1 && el('span', { class: 'quiet' }, ' MT to, MO from the device')),
    el('div', { class: 'bars', role: 'img', 'aria-label': described(name, zones, these) }, rows),
    left > 0 && el('p', { class: 'quiet' }, `The ${mostZones} greatest; ${left} more in the table.`));
}

// charts shows the zones of each plan, for each of data, voice and SMS that was reported.
export function charts(answer) {
  const names = [...new Set(kinds.map((kind) => kind.name))];
  const panels = names.map((name) => panel(name, answer));
  const silent = names.filter((_, i) => panels[i] === null);
  if (silent.length === names.length) return null;
  return el('section', { 'aria-labelledby': 'charts-title' },
    el('h3', { id: 'charts-title', class: 'unseen' }, 'Charts'),
    el('div', { class: 'charts' }, panels.filter(Boolean)),
    silent.length > 0 && el('p', { class: 'quiet note' }, `${silent.join(' and ')}: not reported in any zone.`));
}
