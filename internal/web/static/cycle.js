import { el } from './elements.js';
import { dayLength, showDate, showDay, showSpan, showTime } from './times.js';

// cycleSection shows the cycle of the answer as a line, with a mark for today.
export function cycleSection(cycle) {
  const start = Date.parse(cycle.startTime);
  const next = Date.parse(cycle.endTime) + 1000; // the end is the cycle's last second
  const now = Date.now();
  const days = Math.round((next - start) / dayLength);
  const passed = Math.min(Math.max((now - start) / (next - start), 0), 1);
  const within = now >= start && now < next;
  const dayNumber = Math.floor((now - start) / dayLength) + 1;
  let told = `Ended, ${days} days long`;
  if (within) told = `Day ${dayNumber} of ${days}, ends in ${showSpan(next - now)}`;
  if (now < start) told = `Not begun, ${days} days long`;
  const line = el('div', { class: 'line', role: 'img',
    'aria-label': `Billing cycle from ${showDate(start)} to ${showDate(next - 1000)}. ${told}.` });
  const done = el('span', { class: 'done' });
  done.style.width = `${passed * 100}%`; // the page's policy allows a style set by a script, but not one in the document
  line.append(done);
  if (within) {
    const today = el('span', { class: 'today' });
    today.style.left = `${passed * 100}%`;
    const label = el('span', { class: `today-label${passed > 0.5 ? ' late' : ''}` }, `Today, ${showDay(now)}`);
    label.style[passed > 0.5 ? 'right' : 'left'] = `${(passed > 0.5 ? 1 - passed : passed) * 100}%`;
    line.append(today, label);
  }
  return el('section', { class: 'card cycle', 'aria-labelledby': 'cycle-title' },
    el('div', { class: 'heading' }, el('h3', { id: 'cycle-title' }, 'Billing cycle'), el('p', { class: 'quiet' }, told)),
    line,
    el('div', { class: 'ends' },
      el('p', {}, el('span', { class: 'quiet' }, 'First second'), el('time', { datetime: cycle.startTime }, showTime(start))),
      el('p', {}, el('span', { class: 'quiet' }, 'Last second'), el('time', { datetime: cycle.endTime }, showTime(next - 1000)))));
}
