'use strict';

const MOST_FAULTS = 5;
const OUTCOMES = ['confirmed', 'declined', 'out_of_stock', 'cancelled', 'refused', 'unexpected', 'lost'];

function summary(load, watchers, checks, run) {
  const outcomes = Object.fromEntries(OUTCOMES.map((name) => [name, load.placed.filter(({ outcome }) => outcome === name).length]));
  const times = load.placed.map(({ ms }) => ms).sort((one, other) => one - other);
  const at = (part) => times[Math.min(times.length - 1, Math.floor(times.length * part))] || 0;
  const faulty = checks.filter(({ faults }) => faults.length > 0);
  const watched = watchers.summary();
  return {
    ok: faulty.length === 0 && Object.keys(watched.cut).length === 0 && outcomes.lost + outcomes.unexpected === 0 && times.length > 0,
    run,
    orders: times.length,
    seconds: Number(load.seconds.toFixed(3)),
    rate: Math.round(times.length / load.seconds),
    latency_ms: { p50: at(0.5), p99: at(0.99), max: at(1) },
    outcomes,
    repeated: load.repeated,
    watchers: watched,
    checks,
  };
}

function text({ ok, orders, seconds, rate, latency_ms: ms, outcomes, repeated, watchers, checks, run }, quiet) {
  const lines = [];
  const faulty = checks.filter(({ faults }) => faults.length > 0);
  if (!quiet) {
    lines.push(`${orders} orders in ${seconds.toFixed(1)} s, ${rate} a second; half within ${ms.p50} ms, 99 % within ${ms.p99} ms, all within ${ms.max} ms`);
    for (const name of OUTCOMES) if (outcomes[name] > 0) lines.push(`  ${String(outcomes[name]).padStart(8)}  ${name.replaceAll('_', ' ')}`);
    for (const [cause, count] of Object.entries(repeated)) lines.push(`  ${String(count).padStart(8)}  attempts failed and were repeated: ${cause}`);
    if (watchers.opened > 0) {
      const { opened, told, ended } = watchers;
      lines.push(`${opened} streams and WebSockets told ${told} things; ${ended.time} ended when their time was over, ${ended.closing} when the shop said that it closes`);
    }
    if (checks.length > 0) lines.push('books');
    for (const { name, looked, faults } of checks) lines.push(`  ${faults.length === 0 ? '   right' : '   WRONG'}  ${name} (${looked})`);
  }
  for (const [how, count] of Object.entries(watchers.cut)) lines.push(`${count} streams did not end as they should: ${how}`);
  for (const { name, faults } of faulty) {
    lines.push(`${name}? ${faults.length} faults`);
    for (const fault of faults.slice(0, MOST_FAULTS)) lines.push(`  ${fault}`);
    if (faults.length > MOST_FAULTS) lines.push(`  and ${faults.length - MOST_FAULTS} more`);
  }
  if (!ok) lines.push(`not everything is right (run ${run})`);
  else if (!quiet) lines.push(checks.length > 0 ? 'everything is right' : 'every order went through; the books were not checked');
  return lines.join('\n');
}

module.exports = { summary, text };
