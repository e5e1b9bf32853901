// The caller's token is kept only for this tab: never in the link, and gone with the tab. If the browser stores nothing, the page
// keeps it until the user leaves the page.

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
