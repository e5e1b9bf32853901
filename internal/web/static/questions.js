// A question is the query string of the page's link: the ICCID, and REST's own parameters. They go to the service unchanged, so
// that a misspelt parameter is refused and does not become another question.

export const fields = ['iccid', 'cycleStartDate', 'ratePlan', 'zone', 'account'];

export function fromLink(search) {
  const rest = new URLSearchParams();
  let iccid = '';
  for (const [name, value] of new URLSearchParams(search)) {
    if (name === 'iccid' && !iccid) iccid = value.trim();
    else if (value !== '' || !fields.includes(name)) rest.append(name, value);
  }
  return { iccid, rest };
}

export function fromForm(form) {
  const link = new URLSearchParams();
  for (const name of fields) link.append(name, form.elements[name].value);
  return fromLink(link);
}

// inCycle is the same question about the cycle that holds a day.
export function inCycle(question, day) {
  const rest = new URLSearchParams(question.rest);
  rest.set('cycleStartDate', day);
  return { iccid: question.iccid, rest };
}

const written = (parameters) => parameters.toString().replaceAll('+', '%20');

export function linkOf(question) {
  if (!question.iccid) return '/';
  return `/?${written(new URLSearchParams([['iccid', question.iccid], ...question.rest]))}`;
}

// pathOf is REST's path and query.
export function pathOf(question, fresh = false) {
  const rest = new URLSearchParams(question.rest);
  if (fresh) rest.set('maxAge', '0s');
  const query = written(rest);
  return `/v1/devices/${encodeURIComponent(question.iccid)}/usageInZone${query && `?${query}`}`;
}

const quoted = (text) => `'${text.replaceAll("'", `'\\''`)}'`;
const bearer = (token) => (token ? ' -H "Authorization: Bearer $TOKEN"' : '');

export const asCurl = (question, withToken) => `curl${bearer(withToken)} ${quoted(location.origin + pathOf(question))}`;

const contractNames = { cycleStartDate: 'cycle_start_date', ratePlan: 'rate_plan', maxAge: 'max_age' };

const isTLS = () => location.protocol === 'https:';
const grpcAddr = () => `${location.hostname}:${document.querySelector('meta[name=grpc-port]').content || 'GRPC_PORT'}`;

export function asGrpcurl(question, withToken) {
  const message = { iccid: question.iccid };
  for (const [name, value] of question.rest) message[contractNames[name] ?? name] = value;
  return `grpcurl${isTLS() ? '' : ' -plaintext'}${bearer(withToken)} -d ${quoted(JSON.stringify(message))} \\\n` +
    `  ${grpcAddr()} jasper.usage.v1.UsageService/GetDeviceUsageInZone`;
}

// word is a text as one word for a shell, quoted if necessary.
const word = (text) => (/^[\w.:-]+$/.test(text) ? text : quoted(text));

// asCommand has a flag of the same name for each parameter. Values follow an = sign, because a value such as -x would be a flag
// otherwise.
export function asCommand(question, withToken) {
  const flags = [...question.rest].map(([name, value]) => ` --${name.replace(/_|(?=[A-Z])/g, '-').toLowerCase()}=${word(value)}`);
  return `${withToken ? 'ZONEUSAGE_TOKEN="$TOKEN" ' : ''}zoneusage get ${word(question.iccid)}${flags.join('')} \\\n` +
    `  --addr=${grpcAddr()}${isTLS() ? ' --tls' : ''}`;
}
