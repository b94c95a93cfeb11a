// Makes the pictures of README and docs anew, in docs/images; with names, only those.
import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Browser, eventually, percent } from './browser.js';
import { Server, WATCHABLE, WITHOUT_KEY } from './server.js';

const DIRECTORY = fileURLToPath(new URL('../../docs/images/', import.meta.url));
const SHELF = fileURLToPath(new URL('../data/bookshelf-13.jpg', import.meta.url));
const PHONE = { viewport: { width: 360, height: 740 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true };

await mkdir(DIRECTORY, { recursive: true });
const OPERATOR_TOKEN = 'the-operator-of-the-pictures';
const variables = { ...WATCHABLE.variables, operator_token: OPERATOR_TOKEN };
const [server, browser] = await Promise.all([Server.start({ ...WATCHABLE, variables }), Browser.start()]);
const shoot = (page, name) => page.screenshot({ path: `${DIRECTORY}${name}.jpg`, type: 'jpeg', quality: 80 });
const halfway = (page) => eventually('half done', async () => (await page.locator('.percent').count()) && (await percent(page)) >= 50);
const click = (page, name) => page.getByRole('button', { name }).click();
// Bars and boxes move into their places.
const settle = (page) => page.waitForTimeout(900);

async function library(name, moment, options) {
	const page = await browser.page(server, options);
	await click(page, 'Try the sample library');
	await moment(page);
	await settle(page);
	await shoot(page, name);
	await page.context().close();
}

async function scan(name, options) {
	const page = await browser.page(server, options);
	await click(page, 'Try the sample shelf');
	await page.getByRole('heading', { name: '13 books found' }).waitFor();
	await eventually('13 boxes', async () => (await page.locator('.frame rect').count()) === 13);
	await page.locator('.book').nth(3).hover();
	await settle(page);
	await shoot(page, name);
	await page.context().close();
}

/** A scan by an application that has no key, of a photo as large as a telephone sends it. */
async function scanWithoutKey(name, moment, options) {
	const server = await Server.start(WITHOUT_KEY);
	try {
		const page = await browser.page(server, options);
		await page.locator('#pick').setInputFiles(SHELF);
		await page.getByText('Read here, no AI service asked.').waitFor({ timeout: 120_000 });
		await moment(page);
		await settle(page);
		await shoot(page, name);
		await page.context().close();
	} finally {
		await server.stop();
	}
}

/** The question which book a spine is whose words name none for sure. */
async function choosingSpine(page) {
	await page.locator('.book', { has: page.locator('.state.review') }).first().getByRole('button', { name: /^Choose/ }).click();
	await page.getByRole('dialog').getByRole('button', { name: /^This one:/ }).first().waitFor();
}

/** The step before an import whose columns were guessed. */
async function preview(name, file) {
	const page = await browser.page(server, { viewport: { width: 720, height: 800 } });
	await page.locator('#pick').setInputFiles({ name: 'my books.csv', mimeType: 'text/csv', buffer: Buffer.from(file) });
	await page.getByRole('button', { name: /^Import \d+ books/ }).waitFor();
	await settle(page);
	await page.locator('.card').screenshot({ path: `${DIRECTORY}${name}.jpg`, type: 'jpeg', quality: 80 });
	await page.context().close();
}

/** How the columns of an import were read, once it is over. */
async function reading(name, file) {
	const page = await browser.page(server, { viewport: { width: 720, height: 1120 } });
	await page.locator('#pick').setInputFiles({ name: 'meine bücher.csv', mimeType: 'text/csv', buffer: Buffer.from(file) });
	await page.getByText('See how it was read').click();
	await finished(page);
	await settle(page);
	await shoot(page, name);
	await page.context().close();
}

/** The question which book a doubtful one is: what has its number, and what a search finds. */
async function choosing(name, options) {
	const page = await browser.page(server, options);
	const file = 'Title,Author,ISBN\nThe Salt Road,Mira Oakes,9780593099322\nBabel,R. F. Kuang,9780063021426\n';
	await page.locator('#pick').setInputFiles({ name: 'doubtful.csv', mimeType: 'text/csv', buffer: Buffer.from(file) });
	await page.getByRole('heading', { name: /of 2 books found/ }).waitFor();
	await page.getByRole('button', { name: /^Choose which book The Salt Road/ }).click();
	const dialog = page.getByRole('dialog');
	await dialog.getByRole('button', { name: /^This one: Dune/ }).first().waitFor();
	await dialog.getByRole('searchbox').fill('Babel Kuang');
	await dialog.getByRole('button', { name: 'Search' }).click();
	await dialog.getByRole('button', { name: /^This one: Babel/ }).first().waitFor();
	await settle(page);
	await shoot(page, name);
	await page.context().close();
}

/** What an operator sees while an import runs. */
async function operator(name, options) {
	const page = await browser.page(server, options);
	await click(page, 'Try the sample library');
	await halfway(page);
	await page.goto('/#/operator');
	await page.getByLabel('The operator’s token').fill(OPERATOR_TOKEN);
	await page.keyboard.press('Enter');
	await page.getByRole('heading', { name: 'Providers' }).waitFor();
	await settle(page);
	await shoot(page, name);
	await page.context().close();
}

/** A library with German columns, and dates, names and ratings to be judged. */
const GERMAN = `Titel;Autor;ISBN;Gelesen am;Bewertung (1-10);Reihe;Standort
Babel;Kuang, R. F.;978-0-06-302142-6;03.02.2021;9;;Flur
Emma;Austen, Jane;978-0-14-143958-7;24.12.2020;10;;Schlafzimmer
Der Wüstenplanet;Herbert, Frank;978-0-441-01359-3;11.07.2019;7,5;Dune 1;Flur
`;

const finished = (page) => page.getByRole('heading', { name: /books found/ }).waitFor();
const PICTURES = {
	'import-running': (name) => library(name, halfway),
	'import-finished': (name) => library(name, finished),
	'import-dark': (name) => library(name, halfway, { colorScheme: 'dark' }),
	'import-phone': (name) => library(name, halfway, PHONE),
	'preview': (name) => preview(name, 'Babel;R. F. Kuang;9780063021426\nEmma;Jane Austen;9780141439587\nDune;Frank Herbert;9780441013593\n'),
	'reading': (name) => reading(name, GERMAN),
	'choosing': (name) => choosing(name, { viewport: { width: 720, height: 640 } }),
	'choosing-phone': (name) => choosing(name, PHONE),
	'operator': (name) => operator(name, { viewport: { width: 1000, height: 900 } }),
	'scan': (name) => scan(name, { viewport: { width: 1100, height: 1040 } }),
	'scan-without-key': (name) => scanWithoutKey(name, () => {}, { viewport: { width: 1100, height: 1180 } }),
	'choosing-spine': (name) => scanWithoutKey(name, choosingSpine, { viewport: { width: 720, height: 640 } }),
};
const names = process.argv.slice(2);
try {
	for (const name of names.length ? names : Object.keys(PICTURES)) await PICTURES[name](name);
} finally {
	await Promise.all([server.stop(), browser.stop()]);
}
