import { amount, greatest, kinds } from './amounts.js';
import { bar } from './chart.js';
import { el, say } from './elements.js';
import { lineOf, retry } from './failure.js';
import { inCycle, linkOf } from './questions.js';
import { ask } from './replies.js';
import { dayBefore, showDate } from './times.js';
import { amountHead, amountIn, swipe } from './usage.js';

// earlierSection compares the answer with the two cycles before, when the user asks for it. Each cycle is a call of Control Center,
// which allows an account about one call a second, so it asks for one cycle after the other.
export function earlierSection(question, answer, signal) {
  const place = el('div', { class: 'compared' },
    el('p', { class: 'quiet' }, 'Two more questions, one after the other: an account may ask Control Center about once a second.'));
  const button = el('button', { type: 'button', click: () => compare() }, 'Compare with the two cycles before');
  async function compare() {
    button.remove();
    place.replaceChildren(el('p', { class: 'quiet' }, 'Asking for the two cycles before, one after the other…'));
    say('Asking for the two cycles before');
    let found;
    try {
      found = await findEarlier(question, answer, signal);
    } catch (error) {
      if (signal.aborted) return; // another question was asked
      place.replaceChildren(el('p', { class: 'note' }, 'The cycles before cannot be shown.'));
      throw error;
    }
    const { compared, note, failure } = found;
    place.replaceChildren(...[
      note && el('p', { class: 'note' }, note),
      failure && retry(failure, compare),
      compared.length > 1 && comparedTable(question, compared),
    ].filter(Boolean));
    say(note || 'The three cycles are compared');
    place.querySelector('.scroll')?.focus();
  }
  return el('section', { class: 'card', 'aria-labelledby': 'earlier-title' },
    el('div', { class: 'heading' }, el('h3', { id: 'earlier-title' }, 'Earlier cycles'), button), place);
}

// findEarlier asks for earlier and earlier cycles until there are three, or says why there are fewer.
async function findEarlier(question, answer, signal) {
  const compared = [answer];
  while (compared.length < 3) {
    const { startTime } = compared.at(-1).billingCycle;
    const { failure, body } = await ask(inCycle(question, dayBefore(startTime)), { signal });
    if (failure?.reason === 'CYCLE_START_DATE_OUT_OF_RANGE') {
      return { compared, note: keepsNone(failure.facts.earliest_date) };
    }
    if (failure) return { compared, failure, note: `The cycle before ${showDate(startTime)} is missing. ${lineOf(failure)}` };
    if (Date.parse(body.billingCycle.endTime) >= Date.parse(startTime)) {
      return { compared, note: 'Control Center answered with a cycle that is no earlier one.' };
    }
    compared.push(body);
  }
  return { compared };
}

// keepsNone tells the earliest day that Control Center accepts. That day is in the account's time zone, so it may differ from the
// day on which the earliest cycle found begins in UTC.
const keepsNone = (earliest) => (earliest
  ? `Control Center keeps no cycle before ${showDate(earliest)}, by the account’s own time zone.`
  : 'Control Center keeps no earlier cycle.');

function comparedTable(question, compared) {
  const shown = kinds.filter((kind) => compared.some((answer) => amount(answer.total, kind) !== null));
  const rows = compared.map(({ billingCycle, total }, i) => {
    const open = Date.parse(billingCycle.endTime) > Date.now();
    const name = `${showDate(billingCycle.startTime)} – ${showDate(billingCycle.endTime)}`;
    const there = linkOf(inCycle(question, dayIn(billingCycle)));
    return el('tr', {},
      el('th', { scope: 'row' }, i === 0 ? name : el('a', { href: there, 'data-question': true }, name), open && el('span', { class: 'version' }, 'so far')),
      shown.map((kind) => {
        const value = amount(total, kind);
        const most = greatest(compared.map((answer) => amount(answer.total, kind)));
        return el('td', { class: 'number' }, amountIn(value, kind), value !== null && bar(value, most, kind.short === 'MT'));
      }));
  });
  return el('div', { class: 'scroll', role: 'region', tabindex: '0', 'aria-labelledby': 'earlier-caption' },
    el('table', {},
      el('caption', { id: 'earlier-caption' }, 'Totals of each cycle', swipe()),
      el('thead', {}, el('tr', {}, el('th', { scope: 'col' }, 'Billing cycle'),
        shown.map(amountHead))),
      el('tbody', {}, rows)));
}

// dayIn is a day in the middle of a cycle, which belongs to the cycle in every time zone.
const dayIn = (cycle) => new Date((Date.parse(cycle.startTime) + Date.parse(cycle.endTime)) / 2).toISOString().slice(0, 10);
