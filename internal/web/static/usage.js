import { amount, exact, human, kinds } from './amounts.js';
import { el } from './elements.js';

const notReported = () => el('span', { class: 'null' }, 'not reported');

// amountIn shows an amount twice: exactly, and as people would say it.
export function amountIn(value, kind) {
  if (value === null) return [notReported()];
  const digits = value.toLocaleString('en-GB');
  const said = human(value, kind);
  return [el('data', { value: String(value), class: 'exact' }, digits), said !== digits && el('span', { class: 'human' }, said)];
}

// totalsSection shows the sums over all plans and zones.
export function totalsSection(total) {
  return el('section', { 'aria-labelledby': 'totals-title' },
    el('h3', { id: 'totals-title', class: 'unseen' }, 'Totals'),
    el('dl', { class: 'totals' }, kinds.map((kind) => {
      const value = amount(total, kind);
      return el('div', {},
        el('dt', {}, kind.name, kind.way && el('span', { class: 'quiet' }, ` ${kind.way}`)),
        value === null
          ? el('dd', { class: 'null' }, 'not reported')
          : [el('dd', { class: 'big' }, human(value, kind)), el('dd', { class: 'quiet exact' }, exact(value, kind))]);
    })));
}

// amountHead is the head of a column of amounts.
export const amountHead = (kind) => el('th', { scope: 'col', class: 'number' },
  kind.short ? `${kind.name} ${kind.short}` : kind.name, el('span', { class: 'unit' }, kind.unit));

const amounts = (usage) => kinds.map((kind) => el('td', { class: 'number' }, amountIn(amount(usage, kind), kind)));

// planBody is the rows of a rate plan: its zones, and their sum if there are several.
function planBody(plan) {
  const zones = plan.zoneUsages ?? [];
  const several = zones.length > 1;
  const name = el('th', { scope: 'rowgroup', rowspan: Math.max(zones.length, 1) + (several ? 1 : 0) },
    plan.ratePlan, el('span', { class: 'version' }, `version ${plan.ratePlanVersion ?? 0}`));
  const rows = zones.map((zone) => el('tr', {}, el('th', { scope: 'row' }, zone.zone ?? ''), amounts(zone.usage)));
  if (zones.length === 0) rows.push(el('tr', {}, el('td', { colspan: 1 + kinds.length, class: 'quiet' }, 'in no zone')));
  if (several) rows.push(el('tr', { class: 'sum' }, el('th', { scope: 'row' }, 'all its zones'), amounts(plan.total)));
  rows[0].prepend(name);
  return el('tbody', {}, rows);
}

// swipe tells those with a small screen that there is more.
export const swipe = () => el('span', { class: 'swipe' }, 'Scroll sideways for all columns');

// usageTable shows the whole answer, with all digits.
export function usageTable(answer) {
  return el('div', { class: 'scroll', role: 'region', tabindex: '0', 'aria-labelledby': 'usage-caption' },
    el('table', {},
      el('caption', { id: 'usage-caption' }, 'Usage by rate plan and zone', swipe()),
      el('thead', {}, el('tr', {}, el('th', { scope: 'col' }, 'Rate plan'), el('th', { scope: 'col' }, 'Zone'), kinds.map(amountHead))),
      (answer.ratePlanUsages ?? []).map(planBody),
      el('tfoot', {}, el('tr', {}, el('th', { scope: 'row', colspan: 2 }, 'Total'), amounts(answer.total)))));
}
