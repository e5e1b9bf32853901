import { answerSections } from './answer.js';
import { el, everySecond, say } from './elements.js';
import { clearViolations, failureSection } from './failure.js';
import { fields, fromForm, fromLink, linkOf } from './questions.js';
import { ask } from './replies.js';
import { keepToken, showToken } from './token.js';

const form = document.getElementById('question');
const results = document.getElementById('results');
const start = document.getElementById('start');
const hasExamples = !start.hidden;

let asked = null; // the query string of the page's link
let current = new AbortController(); // ends the work for the present question

function fill(question) {
  for (const name of ['ratePlan', 'zone', 'account']) form.elements[name].value = question.rest.get(name) ?? '';
  form.elements.iccid.value = question.iccid;
  form.elements.cycleStartDate.value = asDay(question.rest.get('cycleStartDate'));
  const details = form.querySelector('details');
  details.open = matchMedia('(min-width: 44rem)').matches || fields.slice(1).some((name) => question.rest.has(name));
}

// asDay is the value from a link as far as an input for a day can show it.
function asDay(text) {
  const day = text?.slice(0, 10) ?? '';
  const time = /^\d{4}-\d\d-\d\d$/.test(day) ? Date.parse(day) : NaN;
  return Number.isFinite(time) && new Date(time).toISOString().startsWith(day) ? day : '';
}

// answer asks the question and shows the result.
async function answer(question, { fresh, byUser } = {}) {
  current.abort();
  const mine = new AbortController();
  current = mine;
  clearViolations(form);
  start.hidden = Boolean(question.iccid) || !hasExamples;
  document.title = question.iccid ? `${question.iccid} · zoneusage` : 'zoneusage';
  if (!question.iccid) {
    results.replaceChildren();
    results.removeAttribute('aria-busy');
    return;
  }
  showAsking(mine, question);
  let reply;
  try {
    reply = await ask(question, { fresh, signal: mine.signal });
  } catch {
    return; // there is another question already
  }
  if (mine.signal.aborted) return;
  const again = (how) => answer(question, { ...how, byUser: true });
  results.removeAttribute('aria-busy');
  results.replaceChildren(...(reply.failure
    ? [failureSection(reply, form, again)]
    : answerSections(question, reply, again, mine.signal)).filter(Boolean));
  if (byUser) moveFocus(reply);
}

// moveFocus moves the focus to where the user goes on, unless that is the form.
function moveFocus(reply) {
  const next = results.querySelector('#token') ?? form.querySelector('[aria-invalid]') ?? results.querySelector('h2');
  if (reply.failure || !form.contains(document.activeElement)) next?.focus();
}

function showAsking(mine, question) {
  say(`Asking for ${question.iccid}`);
  const passed = el('span', {});
  const began = performance.now();
  const stop = () => {
    mine.abort();
    results.replaceChildren(el('p', { class: 'card quiet' }, 'The question was left.'));
    results.removeAttribute('aria-busy');
    form.elements.iccid.focus();
  };
  results.setAttribute('aria-busy', 'true');
  results.replaceChildren(el('div', { class: 'card asking' },
    el('span', { class: 'pulse', 'aria-hidden': 'true' }),
    el('p', {}, 'Asking. The question may have to wait for its turn at Control Center. ', passed),
    el('button', { type: 'button', click: stop }, 'Leave')));
  everySecond(results.firstChild, () => { passed.textContent = `${Math.floor((performance.now() - began) / 1000)} s`; });
}

// go puts the question into the page's link, and answers it.
function go(question) {
  const link = linkOf(question);
  if (link !== location.pathname + location.search) history.pushState(null, '', link);
  asked = location.search;
  fill(question);
  return answer(question, { byUser: true });
}

form.addEventListener('submit', (event) => {
  event.preventDefault();
  go(fromForm(form));
});

// A link to a question is answered without loading the page anew, unless it is opened in another tab or window.
document.addEventListener('click', (event) => {
  const link = event.target.closest('a[data-question]');
  if (!link || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  scrollTo(0, 0);
  go(fromLink(new URL(link.href).search));
});

document.getElementById('forget-token').addEventListener('click', () => {
  keepToken('');
  say('The token is forgotten');
  form.elements.iccid.focus();
});

// follow answers the page's link, unless only the place in the page has changed.
function follow() {
  if (asked === location.search) return;
  asked = location.search;
  const question = fromLink(location.search);
  fill(question);
  answer(question);
}

addEventListener('popstate', follow);
showToken();
follow();
