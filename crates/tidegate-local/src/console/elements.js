'use strict';
// What both pages make elements and requests with. Everything that comes from data goes into a page as text, never as markup.

const SVG = 'http://www.w3.org/2000/svg';
const at = (id) => document.getElementById(id);
const number = (value) => Number(value ?? 0).toLocaleString('en-US');
const time = (text) => new Date(text).toISOString().slice(11, 23);

function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === 'onclick') made.addEventListener('click', value);
    else made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}
const cell = (text, kind) => element('td', kind ? { class: kind } : {}, text);
const json = async (path, options) => {
  const answer = await fetch(path, options);
  if (!answer.ok) throw new Error((await answer.text()).trim() || answer.statusText);
  return answer.json();
};

function shape(name, attributes, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// What does not fit is cut; the whole is in the title.
function fitted(text, most) {
  return text.length > most ? text.slice(0, most - 1) + '…' : text;
}
