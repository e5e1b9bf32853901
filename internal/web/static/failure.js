import { el, everySecond, say } from './elements.js';
import { fields } from './questions.js';
import { keepToken, token } from './token.js';

const camel = (name) => name.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase());

// showViolations writes what is wrong with a field to it, and gives what belongs to no field of the form.
function showViolations(form, violations) {
  return violations.filter(({ field, description }) => {
    const name = camel(field); // a link can have made up any, such as constructor or length
    if (!fields.includes(name)) return true;
    const input = form.elements[name];
    input.setAttribute('aria-invalid', 'true');
    document.getElementById(`${input.id}-fault`).textContent = description;
    input.closest('details')?.setAttribute('open', '');
    return false;
  });
}

export function clearViolations(form) {
  for (const input of form.querySelectorAll('[aria-invalid]')) {
    input.removeAttribute('aria-invalid');
    document.getElementById(`${input.id}-fault`).textContent = '';
  }
}

const titles = {
  DEVICE_NOT_FOUND: 'No such device', RATE_PLAN_NOT_FOUND: 'No such rate plan', INVALID_ZONE: 'No such zone',
  INVALID_REQUEST: 'The question is malformed', ACCOUNT_UNKNOWN: 'No such account',
  INVALID_CYCLE_START_DATE: 'Control Center refuses the day', CYCLE_START_DATE_OUT_OF_RANGE: 'The day is too long ago',
  RATE_LIMITED: 'Too many questions for now', CALLER_RATE_LIMITED: 'Too many questions for now',
  UPSTREAM_UNAVAILABLE: 'Control Center cannot be reached', UPSTREAM_INVALID_RESPONSE: 'An answer that cannot be trusted',
  UPSTREAM_CREDENTIALS_REJECTED: 'Control Center refuses the service', UPSTREAM_REJECTED_REQUEST: 'Control Center refuses the request',
  UPSTREAM_ERROR: 'Control Center refuses', SERVICE_FAILED: 'The service failed', NOT_ALLOWED: 'You may not ask this',
  CREDENTIALS_MISSING: 'Who is asking?', CREDENTIALS_INVALID: 'The token is not taken', ISSUER_UNAVAILABLE: 'The token cannot be checked',
};
const fallbackTitles = { DEADLINE_EXCEEDED: 'No answer in time', CANCELLED: 'The question was left' };

// failureSection tells why there is no answer, and offers what can be done about it.
export function failureSection({ failure, requestId, status, account }, form, again) {
  const elsewhere = showViolations(form, failure.violations ?? []);
  const title = failure.title ?? titles[failure.reason] ?? fallbackTitles[failure.code] ?? 'The question failed';
  const facts = Object.entries({
    reason: failure.reason, code: failure.code && `${failure.code} (HTTP ${status})`, account,
    [failure.resource?.resourceType ?? 'resource']: failure.resource?.resourceName, ...failure.facts, 'x-request-id': requestId,
  }).filter(([, value]) => value);
  const section = el('section', { class: `card failure ${status === 401 ? 'asks' : failure.wait != null ? 'waits' : ''}`, 'aria-labelledby': 'failure-title' },
    el('h2', { id: 'failure-title', tabindex: '-1' }, title),
    el('p', { class: 'public' }, failure.text),
    elsewhere.length > 0 && el('ul', {}, elsewhere.map(({ field, description }) => el('li', {}, el('code', {}, field), ` ${description}`))),
    status === 401 ? tokenForm(again) : retry(failure, again),
    facts.length > 0 && el('dl', { class: 'facts' }, facts.map(([name, value]) => el('div', {}, el('dt', {}, name.replaceAll('_', ' ')), el('dd', { class: 'mono' }, value)))));
  say(`${title}. ${failure.text}`);
  return section;
}

// These may be over when the same question is asked again; for the others another question has to be asked.
const passing = ['DEADLINE_EXCEEDED', 'INTERNAL', 'UNKNOWN', 'CANCELLED', undefined];

// retry lets ask again: at once, or when the time that the service told has passed.
export function retry(failure, again) {
  const button = el('button', { type: 'button', class: 'primary', click: () => again() }, 'Ask again');
  if (failure.wait == null) return passing.includes(failure.code) && el('p', { class: 'retry' }, button);
  const told = el('span', { class: 'countdown' });
  const line = el('p', { class: 'retry' }, button, told);
  const until = performance.now() + failure.wait * 1000;
  button.disabled = true;
  queueMicrotask(() => everySecond(line, () => {
    const left = Math.ceil((until - performance.now()) / 1000);
    if (left > 0) {
      told.textContent = `in ${left} s`;
    } else if (button.disabled) {
      button.disabled = false;
      told.textContent = 'You may ask again now';
      say('You may ask again now');
    }
  }));
  return line;
}

// tokenForm takes the caller's token. The field has no name: nothing can put it into a link.
function tokenForm(again) {
  const input = el('input', { id: 'token', type: 'password', class: 'mono', required: true,
    pattern: '\\s*[!-~]+\\s*', title: 'Letters, digits and signs of ASCII', autocomplete: 'off', spellcheck: 'false', 'aria-describedby': 'token-hint' });
  const submit = (event) => {
    event.preventDefault();
    keepToken(input.value.trim());
    again();
  };
  return el('form', { class: 'token', submit, 'aria-label': 'Token' },
    el('div', { class: 'field' }, el('label', { for: 'token' }, 'Token'), input,
      el('p', { class: 'hint', id: 'token-hint' }, `Sent as Authorization: Bearer, and kept for this tab alone${token() ? '; the one there is was refused' : ''}.`)),
    el('button', { class: 'primary', type: 'submit' }, 'Use it'));
}
