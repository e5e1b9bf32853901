// The token of a caller is kept for this tab alone: never in the link, and gone with the tab. Where the browser keeps
// nothing, the page does until it is left.

const key = 'zoneusage-token';

let kept = '';
try {
  kept = sessionStorage.getItem(key) ?? '';
} catch { /* storage is blocked */ }

export const token = () => kept;

export function keepToken(value) {
  kept = value;
  try {
    if (value) sessionStorage.setItem(key, value);
    else sessionStorage.removeItem(key);
  } catch { /* storage is blocked */ }
  showToken();
}

export function showToken() {
  document.getElementById('kept-token').hidden = !kept;
}
