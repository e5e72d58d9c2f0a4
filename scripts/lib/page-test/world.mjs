// Everything private to one run: folder, free ports, a gateway that keeps what it is given, the worker.
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { execFileSync, spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';

export const PERSON = '20914695016';
const LIMIT = 20_000;

/** Waits until `check` gives something, and gives it. */
export async function until(what, check) {
  const end = Date.now() + LIMIT;
  for (;;) {
    const found = await check();
    if (found) return found;
    if (Date.now() > end) throw new Error(`it never came to this: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Free loopback ports, below the range from which outgoing connections are served. */
export async function ports(count) {
  const held = [];
  while (held.length < count) {
    const server = net.createServer();
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    const is = await new Promise((resolve) => server.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true)));
    if (is) held.push(server);
  }
  const numbers = held.map((server) => server.address().port);
  await Promise.all(held.map((server) => new Promise((resolve) => server.close(resolve))));
  return numbers;
}

/** An SMS gateway of kind json. */
async function gateway() {
  const taken = [];
  const server = http.createServer((request, response) => {
    let body = '';
    request.on('data', (part) => { body += part; });
    request.on('end', () => {
      taken.push(JSON.parse(body));
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ id: String(taken.length) }));
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}/sms`,
    taken,
    to: (number) => taken.filter((one) => one.to === number),
    stop: () => { server.closeAllConnections(); server.close(); },
  };
}

export function clientKey() {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'page-1', use: 'sig', alg: 'RS256' };
  return { jwk, pem: privateKey.export({ format: 'pem', type: 'pkcs8' }) };
}

export async function startWorker(binary, { port, issuer, pem }) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'budstikke-page-'));
  const file = (name, text) => {
    const at = path.join(folder, name);
    fs.writeFileSync(at, text, { mode: 0o600 });
    return at;
  };
  const sms = await gateway();
  file('page.pem', pem);
  const config = file('page.toml', `
[database]
url = "sqlite://${path.join(folder, 'page.db')}"
[http]
listen = "127.0.0.1:${port}"
[register]
allow_synthetic = true
[page]
public_url = "http://127.0.0.1:${port}"
agency = "digdir"
[page.idporten]
issuer = "${issuer}"
client_id = "page"
key_file = "page.pem"
key_id = "page-1"
[[agency]]
id = "oslo"
name = "Oslo kommune"
org_number = "958935420"
kind = "municipality"
[[agency]]
id = "digdir"
name = "Digitaliseringsdirektoratet"
org_number = "991825827"
kind = "state"
[[sms_gateway]]
name = "primary"
kind = "json"
url = "${sms.url}"
rate = 100.0
`);
  const month = (back) => new Date(Date.now() - back * 30 * 86_400_000).toISOString();
  const people = file('people.ndjson', `${JSON.stringify({
    personidentifikator: PERSON, reservasjon: 'NEI', status: 'AKTIV', varslingsstatus: 'KAN_VARSLES', spraak: 'nb',
    kontaktinformasjon: {
      mobiltelefonnummer: '+4799999998', mobiltelefonnummer_oppdatert: month(9), mobiltelefonnummer_sist_verifisert: month(2),
      epostadresse: 'kari.nordmann@example.no', epostadresse_oppdatert: month(14),
    },
  })}\n`);
  const env = { PATH: process.env.PATH, HOME: folder };
  const run = (...args) => execFileSync(binary, [...args, '--config', config], { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  run('register', 'import', people);
  const { key } = JSON.parse(run('agency', 'key', 'oslo', '--json'));
  const log = fs.openSync(path.join(folder, 'worker.log'), 'a');
  const child = spawn(binary, ['serve', '--config', config], { env, stdio: ['ignore', log, log] });
  let ended = null;
  child.once('exit', (code, signal) => { ended = signal ?? code; });
  const url = `http://127.0.0.1:${port}`;
  const said = () => fs.readFileSync(path.join(folder, 'worker.log'), 'utf8');
  await until('the worker is ready', async () => {
    if (ended !== null) throw new Error(`the worker ended (${ended}):\n${said()}`);
    return fetch(`${url}/readyz`).then((answer) => answer.ok, () => false);
  });
  const api = async (method, at, body) => {
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
    const answer = await fetch(url + at, { method, headers, body: body && JSON.stringify(body) });
    if (!answer.ok) throw new Error(`${method} ${at}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  };
  const stop = async () => {
    if (ended === null) {
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      const late = setTimeout(() => child.kill('SIGKILL'), 10_000);
      await gone;
      clearTimeout(late);
    }
    sms.stop();
    fs.rmSync(folder, { recursive: true, force: true });
  };
  return { url, api, sms, said, stop };
}
