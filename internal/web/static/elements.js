// All elements are made here, and text only ever becomes a text node: names from Control Center may hold anything.

const svgNamespace = 'http://www.w3.org/2000/svg';

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name, value);
    else if (value === true) element.setAttribute(name, '');
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child != null && child !== false));
  return element;
}

// el makes an element. An attribute that is a function listens to the event of that name.
export const el = (name, attributes = {}, ...children) => fill(document.createElement(name), attributes, children);

export const svg = (name, attributes = {}, ...children) =>
  fill(document.createElementNS(svgNamespace, name), attributes, children);

// say makes a screen reader read something, and shows nothing.
export function say(text) {
  document.getElementById('said').textContent = text;
}

// every calls at once and then every second, until the element has left the page.
export function everySecond(element, task) {
  task();
  const timer = setInterval(() => (element.isConnected ? task() : clearInterval(timer)), 1000);
}

// copyButton copies a text. If the browser does not allow that, it selects the element that shows the text.
export function copyButton(label, text, shown) {
  const button = el('button', { type: 'button' }, label);
  button.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = 'Copied';
      say('Copied');
    } catch {
      if (shown) getSelection().selectAllChildren(shown);
      button.textContent = shown ? 'Selected' : 'Not allowed';
      say(shown ? 'Selected: copy it with the keyboard' : 'The browser does not allow to copy');
    }
    setTimeout(() => { button.textContent = label; }, 2000);
  });
  return button;
}
