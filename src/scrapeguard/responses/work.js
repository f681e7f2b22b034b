// The task of a challenge: find the counter whose PBKDF2 key begins as the server says (ALTCHA, version 2).
// The browser derives the keys on threads of its own, so that the page stays responsive; no timer is involved, so
// that it goes on in a tab that nobody looks at.
(() => {
  "use strict";
  const element = (id) => document.getElementById(id);
  const told = element("told"), bar = element("bar"), otherwise = element("otherwise");
  const task = element("task").dataset;
  const TOGETHER = 64;

  const bytes = (hex) => Uint8Array.from(hex.match(/../g), (pair) => parseInt(pair, 16));
  const hex = (buffer) => Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, "0")).join("");
  const offer = () => { otherwise.hidden = false; };

  async function derive(parameters, nonce, salt, counter) {
    const password = new Uint8Array(nonce.length + 4);
    password.set(nonce);
    new DataView(password.buffer).setUint32(nonce.length, counter);
    const key = await crypto.subtle.importKey("raw", password, "PBKDF2", false, ["deriveBits"]);
    const how = { name: "PBKDF2", hash: "SHA-256", salt, iterations: parameters.cost };
    return hex(await crypto.subtle.deriveBits(how, key, 8 * parameters.keyLength));
  }

  async function solve(challenge, most) {
    const parameters = challenge.parameters, nonce = bytes(parameters.nonce), salt = bytes(parameters.salt);
    for (let first = 0; first < most; first += TOGETHER) {
      const counters = Array.from({ length: TOGETHER }, (_, place) => first + place);
      const keys = await Promise.all(counters.map((counter) => derive(parameters, nonce, salt, counter)));
      const found = keys.findIndex((key) => key.startsWith(parameters.keyPrefix));
      if (found >= 0) return { counter: first + found, derivedKey: keys[found] };
      bar.value = first / most;
    }
    throw new Error("no counter fits");
  }

  async function work() {
    const challenge = JSON.parse(task.challenge);
    const solution = await solve(challenge, Number(task.most));
    const body = new URLSearchParams({ work: btoa(JSON.stringify({ challenge, solution })), to: task.to });
    const answer = await fetch(task.pass, { method: "POST", body, redirect: "manual" });
    if (answer.type !== "opaqueredirect") throw new Error("the answer was not accepted");
    bar.value = 1;
    told.textContent = task.done;
    location.replace(task.back + location.hash);
  }

  otherwise.hidden = true;
  if (window.crypto && crypto.subtle && window.fetch) {
    bar.hidden = false;
    told.textContent = task.working;
    setTimeout(offer, 1000 * Number(task.wait));
    work().catch(() => { bar.hidden = true; told.textContent = task.failed; offer(); });
  } else {  // not on plain http
    told.textContent = task.waiting;
    setTimeout(() => otherwise.submit(), 1000 * Number(task.wait) + 200);
  }
})();
