import { kinds } from './amounts.js';

const head = ['iccid', 'timestamp', 'cycle_start_time', 'cycle_end_time', 'rate_plan', 'rate_plan_version', 'zone',
  ...kinds.map((kind) => kind.column), 'device_rows'];

// quoted is a field as in RFC 4180. As Go does, it also quotes a field that begins with a space, which some programs drop, and \.,
// which some programs take for the end of the input.
const quoted = (value) => (/[",\r\n]|^\\\.$|^(?:\u0085|(?!\ufeff)\s)/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);

// csvOf writes an answer as `zoneusage get` does: one line for each zone, values as in JSON, and nothing for what was not reported.
export function csvOf(answer) {
  const same = [answer.iccid, answer.timestamp, answer.billingCycle.startTime, answer.billingCycle.endTime];
  const plans = answer.ratePlanUsages?.length ? answer.ratePlanUsages : [{}];
  const rows = plans.flatMap((plan) => {
    const zones = plan.zoneUsages?.length ? plan.zoneUsages : [{}];
    return zones.map((zone) => [...same, plan.ratePlan ?? '', plan.ratePlanVersion === undefined ? '' : String(plan.ratePlanVersion), zone.zone ?? '',
      ...kinds.map((kind) => zone.usage?.[kind.field] ?? '')]);
  });
  return [head, ...rows.map((row) => [...row, String(rows.length)])].map((row) => `${row.map(quoted).join(',')}\n`).join('');
}

// saveCSV makes the browser save the answer.
export function saveCSV(answer) {
  const url = URL.createObjectURL(new Blob([csvOf(answer)], { type: 'text/csv;charset=utf-8' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = `usage-${answer.iccid}-${answer.billingCycle.startTime.slice(0, 10)}.csv`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000); // the browser reads it after the click
}
