// Times are shown in UTC, because answers do not give the account's time zone.

const day = new Intl.DateTimeFormat('en-GB', { timeZone: 'UTC', day: 'numeric', month: 'short' });
const date = new Intl.DateTimeFormat('en-GB', { timeZone: 'UTC', day: 'numeric', month: 'short', year: 'numeric' });
const clock = new Intl.DateTimeFormat('en-GB', { timeZone: 'UTC', hour: '2-digit', minute: '2-digit', second: '2-digit' });

export const showDay = (time) => day.format(new Date(time));
export const showDate = (time) => date.format(new Date(time));
export const showTime = (time) => `${showDate(time)}, ${clock.format(new Date(time))} UTC`;

export function showAge(seconds) {
  const whole = Math.floor(seconds);
  if (whole < 2) return 'just now';
  if (whole < 120) return `${whole} s ago`;
  if (whole < 7200) return `${Math.floor(whole / 60)} min ago`;
  return `${Math.floor(whole / 3600)} h ago`;
}

const hour = 60 * 60 * 1000;
export const dayLength = 24 * hour;

export function showSpan(span) {
  const days = Math.floor(span / dayLength);
  const hours = Math.floor((span % dayLength) / hour);
  return days + hours === 0 ? 'less than an hour' : [days && `${days} d`, hours && `${hours} h`].filter(Boolean).join(' ');
}

// dayBefore is a day in the cycle before, whatever the account's time zone is: a cycle starts at midnight there, and the UTC date
// of a whole day earlier is before that start in every time zone.
export const dayBefore = (start) => new Date(new Date(start).getTime() - dayLength).toISOString().slice(0, 10);
