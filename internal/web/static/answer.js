import { amount, exact, kinds } from './amounts.js';
import { charts } from './chart.js';
import { saveCSV } from './csv.js';
import { cycleSection } from './cycle.js';
import { earlierSection } from './earlier.js';
import { copyButton, el, everySecond, say } from './elements.js';
import { asCommand, asCurl, asGrpcurl, linkOf } from './questions.js';
import { showAge, showTime } from './times.js';
import { token } from './token.js';
import { totalsSection, usageTable } from './usage.js';

const sources = {
  live: 'Control Center was asked for this answer',
  cache: 'Control Center was asked before, and the answer kept',
  stale: 'Control Center cannot be reached: the answer is older than it would be',
};

// answerSections shows an answer.
export function answerSections(question, reply, again, signal) {
  const { body } = reply;
  const zones = (body.ratePlanUsages ?? []).reduce((sum, plan) => sum + (plan.zoneUsages?.length ?? 0), 0);
  const told = kinds.map((kind) => [kind, amount(body.total, kind)]).filter(([, value]) => value !== null)
    .map(([kind, value]) => `${[kind.name, kind.way].filter(Boolean).join(' ')}: ${exact(value, kind)}`);
  say(`Usage of ${body.iccid}: ${zones} ${zones === 1 ? 'zone' : 'zones'}. ${told.join(', ') || 'Nothing was reported'}.`);
  const empty = !(body.ratePlanUsages?.length > 0);
  return [
    headingSection(question, reply, again),
    cycleSection(body.billingCycle),
    empty
      ? el('p', { class: 'card nothing' }, 'Control Center reported no usage of this device in this cycle.')
      : [totalsSection(body.total), charts(body), el('section', { class: 'card flush', 'aria-label': 'Table' }, usageTable(body))],
    earlierSection(question, body, signal),
    requestSection(question),
  ].flat();
}

function headingSection(question, reply, again) {
  const { body } = reply;
  const age = el('span', { class: 'age' });
  queueMicrotask(() => everySecond(age, () => {
    age.textContent = showAge(reply.age + (performance.now() - reply.received) / 1000);
  }));
  const filters = [...question.rest].filter(([name]) => name !== 'cycleStartDate' && name !== 'account');
  return el('header', { class: 'answer-head' },
    el('div', {},
      el('h2', { id: 'answer-title', tabindex: '-1' }, el('span', { class: 'unseen' }, 'Usage of '), el('span', { class: 'mono' }, body.iccid)),
      filters.length > 0 && el('p', { class: 'filters' }, filters.map(([name, value]) => el('span', { class: 'tag' }, `${name}: ${value}`))),
      el('p', { class: 'origin' },
        el('span', { class: `badge ${reply.source ?? ''}`, title: sources[reply.source] ?? '' }, reply.source ?? 'unknown source'),
        document.body.hasAttribute('data-sandbox') && el('span', { class: 'badge sandbox' }, 'invented numbers'),
        el('span', {}, 'account ', el('strong', {}, reply.account ?? 'unknown')),
        el('span', {}, 'answered ', age, ', ', el('time', { datetime: body.timestamp }, showTime(body.timestamp)))),
      el('p', { class: 'quiet small-print' }, sources[reply.source] ?? '', '. Request ', el('span', { class: 'mono' }, reply.requestId ?? ''))),
    el('div', { class: 'actions' },
      el('button', { type: 'button', click: () => saveCSV(body) }, 'Save CSV'),
      copyButton('Copy link', location.origin + linkOf(question)),
      el('button', { type: 'button', click: () => again({ fresh: true }) }, 'Ask Control Center now')));
}

function requestSection(question) {
  const calls = [['zoneusage', asCommand], ['curl', asCurl], ['grpcurl', asGrpcurl]];
  return el('section', { class: 'card', 'aria-labelledby': 'request-title' },
    el('h3', { id: 'request-title' }, 'The same from a terminal'),
    calls.map(([name, write]) => {
      const text = write(question, token());
      const shown = el('code', {}, text);
      const copy = copyButton('Copy', text, shown);
      copy.setAttribute('aria-label', `Copy ${name}`);
      return el('div', { class: 'call' }, el('pre', {}, shown), copy);
    }));
}
