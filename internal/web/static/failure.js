import { el, everySecond, say } from './elements.js';
import { fields } from './questions.js';
import { keepToken, token } from './token.js';

const camel = (name) => name.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase());

// sentence makes a sentence of a text from the service. The name of a field, such as cycle_start_date, stays as it is.
const sentence = (text) => text
  .replace(/^[a-z]+(?=[ ,;:])/, (first) => (fields.includes(first) ? first : first[0].toUpperCase() + first.slice(1)))
  .replace(/[^.!?]$/, '$&.');

// inputOf is the input for a field. The name may be any text from a link, such as constructor or length.
const inputOf = (form, field) => (fields.includes(camel(field)) ? form.elements[camel(field)] : null);

// showViolations shows each violation at the field of the form, and returns those that belong to no field.
function showViolations(form, violations) {
  return violations.filter(({ field, description }) => {
    const input = inputOf(form, field);
    if (!input) return true;
    input.setAttribute('aria-invalid', 'true');
    document.getElementById(`${input.id}-fault`).textContent = sentence(description);
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
  INVALID_REQUEST: 'The question has a mistake', ACCOUNT_UNKNOWN: 'No such account',
  INVALID_CYCLE_START_DATE: 'Control Center refuses the day', CYCLE_START_DATE_OUT_OF_RANGE: 'The day is too long ago',
  RATE_LIMITED: 'Too many questions for now', CALLER_RATE_LIMITED: 'Too many questions for now',
  UPSTREAM_UNAVAILABLE: 'Control Center cannot be reached', UPSTREAM_INVALID_RESPONSE: 'The answer cannot be shown',
  UPSTREAM_CREDENTIALS_REJECTED: 'Control Center refuses the service', UPSTREAM_REJECTED_REQUEST: 'Control Center refuses the request',
  UPSTREAM_ERROR: 'Control Center refuses', SERVICE_FAILED: 'The service failed', NOT_ALLOWED: 'You may not ask this',
  CREDENTIALS_MISSING: 'Who is asking?', CREDENTIALS_INVALID: 'The token is not taken', ISSUER_UNAVAILABLE: 'The token cannot be checked',
};
const fallbackTitles = { DEADLINE_EXCEEDED: 'No answer in time', CANCELLED: 'The question was left' };

// The service's texts are also for programs. For reasons whose text speaks of a program's means, people get these texts. They do not
// say when to ask again, because the countdown does.
const texts = {
  RATE_LIMITED: 'The account’s calls to Control Center are used up for now.',
  CALLER_RATE_LIMITED: 'You ask more often than the service’s policy lets you.',
  UPSTREAM_UNAVAILABLE: 'It does not answer, or fails.',
  UPSTREAM_ERROR: 'It does so in a way that the service does not know.',
  SERVICE_FAILED: 'Its log has the cause, under the x-request-id below.',
  CREDENTIALS_MISSING: 'The service answers those it knows. Its operator can give you a token, or your browser a certificate.',
  NOT_ALLOWED: 'The service’s policy does not name you, or does not give you this account. Its operator can change that.',
  ISSUER_UNAVAILABLE: 'Who issued it cannot be reached.',
};

const titleOf = (failure) => failure.title ?? titles[failure.reason] ?? fallbackTitles[failure.code] ?? 'The question failed';

// textOf is empty if there are violations: each violation says at its place what is wrong.
const textOf = (failure) => (failure.violations?.length > 0 ? '' : texts[failure.reason] ?? sentence(failure.text));

// lineOf is a failure in one line.
export const lineOf = (failure) => [titleOf(failure), textOf(failure)].filter(Boolean).map(sentence).join(' ');

// failureSection says why there is no answer, and offers what the user can do.
export function failureSection({ failure, requestId, status, account }, form, again) {
  const elsewhere = showViolations(form, failure.violations ?? []);
  const text = textOf(failure);
  const facts = Object.entries({
    reason: failure.reason, code: failure.code && `${failure.code} (HTTP ${status})`, account,
    [failure.resource?.resourceType ?? 'resource']: failure.resource?.resourceName, ...failure.facts, 'x-request-id': requestId,
  }).filter(([, value]) => value);
  const section = el('section', { class: `card failure ${status === 401 ? 'asks' : failure.wait != null ? 'waits' : ''}`, 'aria-labelledby': 'failure-title' },
    el('h2', { id: 'failure-title', tabindex: '-1' }, titleOf(failure)),
    text !== '' && el('p', {}, text),
    elsewhere.length > 0 && el('ul', {}, elsewhere.map(({ field, description }) => el('li', {}, el('code', {}, field), `: ${description}`))),
    status === 401 ? tokenForm(again) : retry(failure, again),
    facts.length > 0 && el('dl', { class: 'facts' }, facts.map(([name, value]) => el('div', {}, el('dt', {}, name.replaceAll('_', ' ')), el('dd', { class: 'mono' }, value)))));
  const spoken = (failure.violations ?? []).map(({ field, description }) =>
    `${inputOf(form, field)?.labels[0].textContent ?? field}: ${sentence(description)}`);
  say([lineOf(failure), ...spoken].join(' '));
  return section;
}

// These may be over when the same question is asked again; for the others another question has to be asked. So it is for an
// answer that cannot be shown, which would come once more: one that breaks off has another reason.
const passing = ['DEADLINE_EXCEEDED', 'INTERNAL', 'UNKNOWN', 'CANCELLED', undefined];
const mayPass = ({ code, reason }) => passing.includes(code) && reason !== 'UPSTREAM_INVALID_RESPONSE';

// retry lets the user ask again: at once, or after the time that the service asked to wait.
export function retry(failure, again) {
  const button = el('button', { type: 'button', class: 'primary', click: () => again() }, 'Ask again');
  if (failure.wait == null) return mayPass(failure) && el('p', { class: 'retry' }, button);
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

// tokenForm asks for the caller's token. The field has no name, so that the token cannot get into a link.
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
