'use strict';

const fs = require('fs');
const path = require('path');

const BUILT = path.join(__dirname, '../../../build/release/examples/shop');

const HELP = `Places orders in the shop, many at a time, and then checks the books of every service.

usage: drive [--url https://127.0.0.1:8443] [--ca FILE | --insecure] [how much] [how to report]

where
  --url URL            the gateway (default https://127.0.0.1:8443)
  --ca FILE            trust this certificate; --insecure trusts any
  --token NAME         log in as that customer (or auditor), and print the token and nothing else
  --passwords FILE     what passwords are made of, as login has it (default: where the build puts it)
  --direct NAME=URL    ask this service here and not through the gateway; may be repeated
how much
  --orders N           so many orders (default 200)
  --seconds N          or for so long; --until-stopped: until SIGINT or SIGTERM
  --concurrency N      so many at once (default 64)
  --watchers N         hold so many streams and WebSockets open meanwhile, each of which must end with a word (default 0)
  --rate N             so many a second at most (default: no bound)
  --patience N         repeat an order for up to so many seconds (default 60); 0: never
  --seed N             the same number, the same orders
how to report
  --no-verify          place orders only
  --failures FILE      append a line of JSON for each attempt and stream that failed: when, which x-request-id, which own port, why
  --json               one JSON object on standard output; --quiet: nothing but what is wrong

exit status: 0 when every order went through and all books agree, 1 when not, 2 for a wrong command line`;

const NUMBERS = { '--orders': 'orders', '--seconds': 'seconds', '--concurrency': 'concurrency', '--rate': 'rate', '--patience': 'patience', '--seed': 'seed', '--watchers': 'watchers' };
const FLAGS = { '--insecure': 'insecure', '--until-stopped': 'untilStopped', '--json': 'json', '--quiet': 'quiet', '--no-verify': 'noVerify', '--verify': 'verify' };

class Usage extends Error {}

function number(option, text) {
  if (!/^\d+(\.\d+)?$/.test(text || '')) throw new Usage(`${option} needs a number`);
  return Number(text);
}

function parse(words) {
  const options = { url: 'https://127.0.0.1:8443', direct: {}, concurrency: 64, watchers: 0, patience: 60, seed: Date.now() % 2 ** 32 };
  let passwords = path.join(process.env.SHOP_BIN || BUILT, 'login/passwords');
  for (let at = 0; at < words.length; ++at) {
    const word = words[at];
    if (FLAGS[word]) options[FLAGS[word]] = true;
    else if (NUMBERS[word]) options[NUMBERS[word]] = number(word, words[++at]);
    else if (word === '--help' || word === '-h') options.help = true;
    else if (at + 1 === words.length) throw new Usage(`${word}: unknown, or its value is missing`);
    else if (word === '--url') options.url = words[++at].replace(/\/$/, '');
    else if (word === '--token') options.token = words[++at];
    else if (word === '--passwords') passwords = words[++at];
    else if (word === '--ca') options.ca = fs.readFileSync(words[++at]);
    else if (word === '--failures') options.failures = words[++at];
    else if (word === '--direct') Object.assign(options.direct, Object.fromEntries([words[++at].split('=')]));
    else throw new Usage(`${word} is unknown`);
  }
  if (fs.existsSync(passwords)) options.passwords = fs.readFileSync(passwords, 'utf8').trim();
  if (!options.orders) options.orders = options.seconds || options.untilStopped ? Infinity : 200;
  options.concurrency = Math.max(1, Math.floor(options.concurrency));
  return options;
}

module.exports = { HELP, Usage, parse };
