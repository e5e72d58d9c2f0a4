// The story of one person in a real browser. Prints a line for each thing that holds.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { pathToFileURL } from 'node:url';
import { startProvider } from './provider.mjs';
import { PERSON, clientKey, ports, startWorker, until } from './world.mjs';

const { values: given } = parseArgs({
  options: {
    modules: { type: 'string' }, binary: { type: 'string' }, browser: { type: 'string' }, screens: { type: 'string' },
  },
});
const require = createRequire(path.join(given.modules, 'x.js'));
const { Provider } = await import(pathToFileURL(require.resolve('oidc-provider')));
const { chromium } = require('playwright-core');
const axe = fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

const began = Date.now();
const ends = [];
let held = 0;
const holds = (what) => { held += 1; console.log(`ok ${what}`); };

/** What must hold on every page, whatever stands on it. */
async function judge(page, name) {
  await page.evaluate(axe);
  const found = await page.evaluate(() => globalThis.axe.run(document, {
    runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
  }));
  const told = found.violations.map((one) => `${one.id}: ${one.help}\n  ${one.nodes.map((node) => node.html).join('\n  ')}`);
  assert.deepEqual(told, [], `axe on ${name}`);
  assert.equal(await page.locator('script').count(), 0, `${name} has a script`);
  for (const [width, height] of [[1280, 900], [360, 740], [320, 640]]) {
    await page.setViewportSize({ width, height });
    const over = await page.evaluate(() => document.documentElement.scrollWidth - globalThis.innerWidth);
    assert.ok(over <= 0, `${name} is ${over} px too wide at ${width} px`);
    if (given.screens && width !== 320) {
      await page.screenshot({ path: path.join(given.screens, `${name}-${width}.png`), fullPage: true });
    }
  }
  await page.setViewportSize({ width: 1280, height: 900 });
  holds(`${name}: nothing for axe, no script, fits 320 px`);
}

const title = (page) => page.locator('h1').innerText();

async function story(world, provider, browser) {
  const context = await browser.newContext({ locale: 'nb-NO', viewport: { width: 1280, height: 900 } });
  const page = await context.newPage();
  const broken = [];
  page.on('console', (message) => { if (message.type() === 'error') broken.push(message.text()); });

  await page.goto(`${world.url}/page/`);
  await judge(page, 'start');
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.className), 'skip');
  holds('the first key leads to the skip link');

  provider.state.cancel = true;
  await page.getByRole('link', { name: 'Logg inn med ID-porten' }).click();
  assert.equal(await title(page), 'Innloggingen ble avbrutt');
  await judge(page, 'denied');
  provider.state.cancel = false;

  provider.state.person = PERSON;
  await page.goto(`${world.url}/page/login`);
  assert.deepEqual(provider.state.faults.map(String).filter((one) => !one.includes('access_denied')), []);
  assert.equal(await title(page), 'Opplysninger om deg');
  holds('log-in with PAR, PKCE and private_key_jwt');
  const cookies = await context.cookies();
  const session = cookies.find((one) => one.name.includes('session') && !one.name.startsWith('_'));
  assert.ok(session.httpOnly && session.sameSite === 'Lax');
  await judge(page, 'me');

  await page.getByRole('link', { name: 'Endre mobilnummer' }).click();
  await judge(page, 'mobile');
  await page.getByLabel('Nytt mobilnummer').fill('12345');
  await page.getByRole('button', { name: 'Send kode' }).click();
  // The browser gives the focus when it first paints, which may be after it has loaded.
  await page.waitForFunction(() => document.activeElement.className === 'summary');
  assert.match(await page.title(), /^Feil:/);
  await judge(page, 'mobile-wrong');
  await page.getByRole('alert').getByRole('link').click();
  await page.waitForFunction(() => document.activeElement.id === 'address');
  holds('the summary of what is wrong has the focus and leads to the field');

  await page.getByLabel('Nytt mobilnummer').fill('412 34 567');
  await page.keyboard.press('Enter');
  await page.getByLabel('Kode').waitFor();
  await judge(page, 'code');
  const [{ text }] = await until('the SMS with the code', () => {
    const found = world.sms.to('+4741234567');
    return found.length > 0 && found;
  });
  const [code] = text.match(/^\d{6}/);
  await page.getByLabel('Kode').fill(code === '000000' ? '111111' : '000000');
  await page.getByRole('button', { name: 'Bekreft' }).click();
  await judge(page, 'code-wrong');
  await page.getByLabel('Kode').fill(`${code.slice(0, 3)} ${code.slice(3)}`);
  await page.getByRole('button', { name: 'Bekreft' }).click();
  await page.getByRole('status').waitFor();
  assert.match(await page.locator('main').innerText(), /\+47 412 34 567/);
  await judge(page, 'me-done');
  holds('the number is changed with a code that came by SMS');

  const send = async (job, kind, sms) => {
    await world.api('POST', '/v1/jobs', {
      job, class: kind, purpose: 'Prøve', channel: 'sms', window: 'anytime', message: { nb: { sms } }, recipients: [{ person: PERSON }],
    });
    return until(`${job} is finished`, async () => {
      const view = await world.api('GET', `/v1/jobs/${job}`);
      return view.state === 'finished' && (await world.api('GET', `/v1/jobs/${job}/notifications`)).items[0];
    });
  };
  assert.equal((await send('letter-1', 'letter', 'Du har et brev.')).status, 'sent');
  assert.equal(world.sms.to('+4741234567').at(-1).text, 'Du har et brev.');
  holds('a letter alert goes to the new number');

  await page.getByRole('link', { name: 'Endre reservasjon' }).click();
  await judge(page, 'reservation');
  await page.getByLabel('Nei, jeg reserverer meg').check();
  await page.getByRole('button', { name: 'Lagre' }).click();
  await page.getByRole('status').waitFor();
  const paper = await send('letter-2', 'letter', 'Du har et brev.');
  assert.deepEqual([paper.status, paper.reason, paper.paper], ['not_sent', 'reserved', true]);
  assert.equal((await send('time-1', 'service_message', 'Husk timen.')).status, 'sent');
  holds('reserved: the next letter goes on paper, an appointment still by SMS');

  await page.getByRole('link', { name: 'Meldinger til meg' }).click();
  assert.equal(await page.getByRole('heading', { name: 'Oslo kommune' }).count(), 3);
  await judge(page, 'messages');

  await page.goto(`${world.url}/page/me`);
  await page.getByRole('link', { name: 'Endre språk' }).click();
  await judge(page, 'language');
  await page.getByLabel('Davvisámegiella').check();
  await page.getByRole('button', { name: 'Lagre' }).click();
  await page.getByRole('status').waitFor();
  await page.getByRole('link', { name: 'Endre digital postkasse' }).click();
  await judge(page, 'mailbox');
  await page.getByLabel('Digipost').check();
  await page.getByRole('button', { name: 'Lagre' }).click();
  await judge(page, 'mailbox-wrong');
  await page.getByLabel('Postkasseadresse').fill('kari.nordmann#9YDT');
  await page.getByRole('button', { name: 'Lagre' }).click();
  await page.getByRole('status').waitFor();
  await page.getByRole('link', { name: 'Endre e-postadresse' }).click();
  await judge(page, 'email');
  for (const [tag, heading] of [['nn', 'Opplysningar om deg'], ['en', 'Information about you'], ['se', 'Dieđut du birra'], ['nb', 'Opplysninger om deg']]) {
    await page.goto(`${world.url}/page/me?lang=${tag}`);
    assert.equal(await title(page), heading);
    await judge(page, `me-${tag}`);
  }

  // In a frame of the provider, without our cookies; then nobody is logged in here any more.
  const out = `${world.url}/page/frontchannel-logout?iss=${encodeURIComponent(provider.issuer)}&sid=${provider.state.sid}`;
  const other = await (await browser.newContext()).newPage();
  const framed = other.waitForResponse((answer) => answer.url() === out);
  await other.goto(`${provider.issuer}/frame?of=${encodeURIComponent(out)}`);
  assert.equal((await framed).status(), 200);
  await other.waitForLoadState();
  assert.equal(await other.frames()[1].title(), 'OK');
  await page.goto(`${world.url}/page/me`);
  assert.match(await page.locator('main').innerText(), /ikke logget inn lenger/);
  await judge(page, 'over');
  holds('logging out at the provider ends the session here');

  await page.goto(`${world.url}/page/login`);
  await page.getByRole('button', { name: 'Logg ut' }).click();
  await page.getByRole('button', { name: 'Ja' }).click();
  assert.equal(await title(page), 'Du er logget ut');
  assert.ok(page.url().startsWith(`${world.url}/page/logged-out`));
  await judge(page, 'logged-out');
  holds('logging out here ends the session at the provider');

  provider.state.acr = 'idporten-loa-low';
  await page.goto(`${world.url}/page/login`);
  assert.equal(await title(page), 'Du må logge inn på et høyere nivå');
  await judge(page, 'too-weak');
  provider.state.acr = 'idporten-loa-high';
  await page.goto(`${world.url}/page/nowhere`);
  await judge(page, 'nowhere');
  const unexpected = broken.filter((text) => !/status of (4\d\d|502)/.test(text));
  assert.deepEqual(unexpected, [], 'the browser complains');
  holds('the browser had nothing to complain about (content security policy)');
}

/** The same without JavaScript, in English, with the keyboard. */
async function withoutScripts(world, provider, browser) {
  const context = await browser.newContext({ locale: 'en-GB', javaScriptEnabled: false });
  const page = await context.newPage();
  provider.state.person = PERSON;
  await page.goto(`${world.url}/page/`);
  await page.getByRole('link', { name: 'Log in with ID-porten' }).press('Enter');
  await page.getByRole('link', { name: 'Change mobile number' }).press('Enter');
  await page.getByLabel('New mobile number').fill('+4746464646');
  await page.getByLabel('New mobile number').press('Enter');
  await page.getByLabel('Code').waitFor();
  const [{ text }] = await until('the SMS with the code', () => {
    const found = world.sms.to('+4746464646');
    return found.length > 0 && found;
  });
  assert.match(text, /is your code/);
  await page.getByLabel('Code').fill(text.slice(0, 6));
  await page.getByLabel('Code').press('Enter');
  assert.match(await page.getByRole('status').innerText(), /was changed/);
  holds('the whole story without JavaScript, in English, with the keyboard');
}

let failed = null;
try {
  const [providerPort, port] = await ports(2);
  const key = clientKey();
  const origin = `http://127.0.0.1:${port}`;
  const provider = await startProvider(Provider, providerPort, { id: 'page', origin, jwk: key.jwk });
  ends.push(() => provider.stop());
  const world = await startWorker(path.resolve(given.binary), { port, issuer: provider.issuer, pem: key.pem });
  ends.push(() => world.stop());
  const browser = await chromium.launch({ executablePath: given.browser, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
  ends.push(() => browser.close());
  if (given.screens) fs.mkdirSync(given.screens, { recursive: true });
  try {
    await story(world, provider, browser);
    await withoutScripts(world, provider, browser);
    assert.doesNotMatch(world.said(), new RegExp(`${PERSON}|4741234567|4746464646`));
    holds('nothing personal in the log');
  } catch (error) {
    console.error(world.said().split('\n').slice(-30).join('\n'));
    console.error(provider.state.faults);
    throw error;
  }
} catch (error) {
  failed = error;
  console.error(error);
} finally {
  for (const end of ends.reverse()) await end();
}
console.log(`${held} held, ${failed ? 1 : 0} failed in ${((Date.now() - began) / 1000).toFixed(1)} s`);
process.exitCode = failed ? 1 : 0;
