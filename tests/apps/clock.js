"use strict";
// Time stands still in the page until it is told to pass: timers then run in their order, each at its own time.
(() => {
  const timers = new Map();
  let now = 1_000_000, last = 0;
  const later = repeats => (call, wait = 0) => {
    timers.set(++last, {call, at: now + Math.max(0, wait), every: repeats ? Math.max(1, wait) : 0});
    return last;
  };
  Date.now = () => now;
  window.setTimeout = later(false);
  window.setInterval = later(true);
  window.clearTimeout = window.clearInterval = id => { timers.delete(id); };
  window.pass = milliseconds => {
    const end = now + milliseconds;
    const next = () => [...timers].filter(([, timer]) => timer.at <= end).sort(([, a], [, b]) => a.at - b.at)[0];
    for (let due = next(); due; due = next()) {
      const [id, timer] = due;
      now = Math.max(now, timer.at);
      if (timer.every) timer.at += timer.every; else timers.delete(id);
      timer.call();
    }
    now = end;
  };
})();
