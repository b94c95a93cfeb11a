import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Browser, eventually } from './browser.js';
import { Server } from './server.js';

let server, browser;
before(async () => ([server, browser] = await Promise.all([Server.start(), Browser.start()])));
after(() => Promise.all([server?.stop(), browser?.stop()]));

/** A page that shows the step for a file, and how many imports it has sent. */
async function stepOf(csv) {
	const page = await browser.page(server);
	const sent = { imports: 0 };
	page.on('request', (request) => (sent.imports += Number(request.method() === 'POST' && request.url().endsWith('/imports'))));
	await page.locator('#pick').setInputFiles({ name: 'list.csv', mimeType: 'text/csv', buffer: Buffer.from(csv) });
	await page.locator('.step').waitFor();
	return { page, sent };
}

const select = (page, at) => page.locator('.step select').nth(at);
/** Chooses what a column is, and waits for what comes of it. */
async function choose(page, at, field) {
	const answered = page.waitForResponse((response) => response.url().includes('/imports/preview'));
	await select(page, at).selectOption(field);
	await answered;
	await eventually('shown', async () => (await page.locator('.step select').count()) > 0 && (await select(page, at).inputValue()) === field);
}
const importButton = (page) => page.getByRole('button', { name: /^Import \d+ books/ });

test('a choice that leaves nothing uncertain does not start the import', async () => {
	const { page, sent } = await stepOf('Titolo,Aŭtoro,Foo\nDune,Frank Herbert,5\nEmma,Jane Austen,4\n');
	await choose(page, 2, 'rating');
	await choose(page, 1, 'author');
	await choose(page, 0, 'title');
	assert.ok(await importButton(page).isVisible());
	assert.equal(sent.imports, 0);
	await importButton(page).click();
	await page.waitForURL(/#\/jobs\//);
	await page.getByRole('heading', { name: /of 2 books found/ }).waitFor();
	assert.equal(sent.imports, 1);
	assert.deepEqual(page.problems, []);
	await page.context().close();
});

test('two guessed columns change places, by keyboard', async () => {
	const { page, sent } = await stepOf('Frank Herbert;Dune\nJane Austen;Emma\nGeorge Orwell;1984\n');
	const shown = () => Promise.all([0, 1].map((at) => select(page, at).inputValue()));
	assert.deepEqual(await shown(), ['author', 'title']);
	await select(page, 1).focus();
	await choose(page, 1, 'author');
	await eventually('changed', async () => (await shown()).join() === 'title,author');
	assert.ok(await select(page, 1).evaluate((element) => element === document.activeElement), 'where one was');
	assert.equal(sent.imports, 0);
	assert.deepEqual(page.problems, []);
	await page.context().close();
});

test('a choice after which no column names the books is told, and can be taken back', async () => {
	const { page, sent } = await stepOf('Frank Herbert;Dune\nJane Austen;Emma\nGeorge Orwell;1984\n');
	await choose(page, 1, 'notes');
	await page.locator('.step .bad').waitFor();
	assert.equal(await importButton(page).count(), 0);
	await choose(page, 1, 'title');
	await importButton(page).waitFor();
	assert.equal(sent.imports, 0);
	assert.deepEqual(page.problems, []);
	await page.context().close();
});

test('of two columns of one name, each is chosen for itself', async () => {
	const { page } = await stepOf('Titolo,Aŭtoro,Foo,Foo\nDune,Frank Herbert,sf,5\nEmma,Jane Austen,love,4\n');
	await choose(page, 3, 'rating');
	assert.equal(await select(page, 2).inputValue(), 'ignore');
	await choose(page, 2, 'tags');
	assert.equal(await select(page, 3).inputValue(), 'rating');
	assert.deepEqual(page.problems, []);
	await page.context().close();
});
