import { pathOf } from './questions.js';
import { token } from './token.js';

// ask asks the service. It returns an answer { body, … } or a failure { failure, … }, and throws if the signal aborts.
export async function ask(question, { signal, fresh } = {}) {
  const headers = { Accept: 'application/json' };
  if (token()) headers.Authorization = `Bearer ${token()}`;
  let response;
  let text;
  try {
    response = await fetch(pathOf(question, fresh), { headers, signal, cache: 'no-store', redirect: 'error' });
    text = await response.text();
  } catch (error) {
    if (signal?.aborted) throw error;
    return { failure: unreachable };
  }
  const reply = {
    status: response.status,
    requestId: response.headers.get('x-request-id'),
    source: response.headers.get('x-usage-source'),
    account: response.headers.get('x-usage-account'),
    age: Number(response.headers.get('age') ?? 0),
    received: performance.now(),
  };
  let body;
  try {
    body = JSON.parse(text);
  } catch {
    return { ...reply, failure: { title: 'The reply is not the service’s', text: `It is not valid JSON, with HTTP status ${response.status}. Is there a proxy in between?` } };
  }
  return response.ok ? { ...reply, body } : { ...reply, failure: failureOf(body, response) };
}

const unreachable = { title: 'The service cannot be reached', text: 'The request did not get through. Look at your connection, and ask again.' };

// The names in google.rpc.Code of the codes that the service uses.
const codes = {
  1: 'CANCELLED', 2: 'UNKNOWN', 3: 'INVALID_ARGUMENT', 4: 'DEADLINE_EXCEEDED', 5: 'NOT_FOUND', 7: 'PERMISSION_DENIED',
  8: 'RESOURCE_EXHAUSTED', 11: 'OUT_OF_RANGE', 12: 'UNIMPLEMENTED', 13: 'INTERNAL', 14: 'UNAVAILABLE', 16: 'UNAUTHENTICATED',
};

// failureOf reads a google.rpc.Status.
function failureOf(status, response) {
  const detail = (name) => status.details?.find((found) => found['@type']?.endsWith(`/google.rpc.${name}`));
  const info = detail('ErrorInfo');
  return {
    text: status.message ?? '',
    code: codes[status.code] ?? `code ${status.code}`,
    reason: info?.reason ?? '',
    facts: info?.metadata ?? {},
    violations: detail('BadRequest')?.fieldViolations ?? [],
    resource: detail('ResourceInfo'),
    wait: waitOf(detail('RetryInfo'), response.headers.get('retry-after')),
  };
}

// waitOf is how many seconds to wait before asking again; null if the service does not say.
function waitOf(info, header) {
  const seconds = Number.parseFloat(info?.retryDelay ?? header ?? '');
  return Number.isFinite(seconds) ? Math.max(seconds, 0) : null;
}
