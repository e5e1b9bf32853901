// Amounts are BigInts: in JSON an int64 is a string, and a Number would lose digits above 2^53. null means that Control Center
// did not report the amount, which differs from 0.

// kinds are in the order of the contract, which get's table and CSV have too.
export const kinds = [
  { field: 'dataBytes', column: 'data_bytes', name: 'Data', way: '', unit: 'bytes', one: 'byte' },
  { field: 'voiceMtSeconds', column: 'voice_mt_seconds', name: 'Voice', way: 'to the device', short: 'MT', unit: 'seconds', one: 'second' },
  { field: 'voiceMoSeconds', column: 'voice_mo_seconds', name: 'Voice', way: 'from the device', short: 'MO', unit: 'seconds', one: 'second' },
  { field: 'smsMtMessages', column: 'sms_mt_messages', name: 'SMS', way: 'to the device', short: 'MT', unit: 'messages', one: 'message' },
  { field: 'smsMoMessages', column: 'sms_mo_messages', name: 'SMS', way: 'from the device', short: 'MO', unit: 'messages', one: 'message' },
];

// amount reads a field of a Usage.
export function amount(usage, kind) {
  const text = usage?.[kind.field];
  return text == null ? null : BigInt(text);
}

const grouped = (value) => value.toLocaleString('en-GB');

// exact is the amount with all its digits.
export const exact = (value, kind) => `${grouped(value)} ${value === 1n ? kind.one : kind.unit}`;

// human is the amount as people would say it, with a sign if it is rounded.
export function human(value, kind) {
  switch (kind.unit) {
    case 'bytes': return bytes(value);
    case 'seconds': return duration(value);
    default: return grouped(value);
  }
}

// withUnit keeps a number and its unit on one line.
const withUnit = (number, unit) => `${number}\u00a0${unit}`;

const sizes = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'];

function bytes(value) {
  if (value < 1024n) return withUnit(value, 'B');
  let power = 0;
  let size;
  let tenths;
  do { // until the rounded number fits the unit too
    power++;
    size = 1n << BigInt(10 * power);
    tenths = (value * 10n + size / 2n) / size;
  } while (tenths >= 10240n && power < sizes.length - 1);
  const rounded = tenths * size !== value * 10n;
  return `${rounded ? '≈\u00a0' : ''}${withUnit(`${grouped(tenths / 10n)}.${tenths % 10n}`, sizes[power])}`;
}

function duration(value) {
  const parts = [[value / 86400n, 'd'], [(value / 3600n) % 24n, 'h'], [(value / 60n) % 60n, 'min'], [value % 60n, 's']];
  const told = parts.filter(([count]) => count > 0n).map(([count, unit]) => withUnit(grouped(count), unit));
  return told.join(' ') || withUnit(0, 's');
}

// share is a value in percent of the greatest value. It is for drawings, which need no more digits.
export const share = (value, greatest) => (greatest > 0n ? Number((value * 10000n) / greatest) / 100 : 0);

export const greatest = (values) => values.reduce((most, value) => (value != null && value > most ? value : most), 0n);
