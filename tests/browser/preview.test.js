import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { barriers, Browser } from './browser.js';
import { Server } from './server.js';

let server, browser;
before(async () => ([server, browser] = await Promise.all([Server.start(), Browser.start()])));
after(() => Promise.all([server?.stop(), browser?.stop()]));

const HEADERLESS = 'Babel;R. F. Kuang;9780063021426\nEmma;Jane Austen;9780141439587\nDune;Frank Herbert;9780441013593\n';

/** A page to which this file was given. */
async function given(file, options) {
	const page = await browser.page(server, options);
	await page.locator('#pick').setInputFiles({ name: 'my books.csv', mimeType: 'text/csv', buffer: Buffer.from(file) });
	return page;
}

const found = (page, books) => page.getByRole('heading', { name: new RegExp(`of ${books} books found`) }).waitFor();

/** The rows of the table of columns, each as its cells. */
async function columns(page) {
	const rows = await page.locator('table tr').all();
	return Promise.all(rows.map((row) => row.locator('th, td').allTextContents()));
}

test('a file that is plain is imported at once, and how it was read can be seen', async () => {
	const page = await given(await readFile(new URL('../data/goodreads_library_export.csv', import.meta.url)));
	await found(page, 767);
	await page.getByText('See how it was read').click();
	await page.getByText(/An export of Goodreads · UTF-8/).waitFor();
	const [head, ...rows] = await columns(page);
	assert.deepEqual(head, ['Column', 'Read as', 'How', 'Filled', 'For example']);
	const column = (name) => rows.find(([first]) => first === name);
	assert.deepEqual(column('Title').slice(1, 4), ['title', '', '769']);
	assert.equal(column('Date Read')[1], 'date read');
	assert.match(column('ISBN13')[4], /978/);
	assert.equal(column('Average Rating')[1], 'not used');
	assert.deepEqual(await barriers(page), []);
	assert.deepEqual(page.problems, []);
	await page.context().close();
});

test('a German file says its encoding, its orders and its scale', async () => {
	const page = await given(await readFile(new URL('../../crates/api/tests/uploads/german.csv', import.meta.url)));
	// A guess at its encoding is for a person to confirm.
	await page.getByRole('button', { name: 'Import 2 books' }).click();
	await found(page, 2);
	await page.getByText('See how it was read').click();
	await page.getByText(/windows-1252 \(guessed\) · fields separated by ;/).waitFor();
	const rows = await columns(page);
	const column = (name) => rows.find(([first]) => first === name);
	assert.deepEqual(column('Autor').slice(1), ['author', 'family name first', '2', 'Köhler, Jürgen · Anke Groß']);
	assert.deepEqual(column('Gelesen am').slice(1, 3), ['date read', 'day before month']);
	assert.deepEqual(column('Bewertung').slice(1, 3), ['rating', 'out of 5']);
	assert.deepEqual(page.problems, []);
	await page.context().close();
});

test('a file without a header waits for a look, and is read as a person says', async () => {
	const page = await given(HEADERLESS);
	await page.getByText('Please look whether the columns were understood.', { exact: true }).waitFor();
	await page.getByText(/no line that names the columns/).waitFor();
	assert.deepEqual(await barriers(page), []);
	const choice = (column) => page.getByLabel(`What ${column} is`, { exact: true });
	for (const [column, field] of [['1', 'title'], ['2', 'author'], ['3', 'isbn']]) assert.equal(await choice(column).inputValue(), field);
	assert.deepEqual((await columns(page)).at(-1).slice(2), ['guessed', '3', '9780063021426 · 9780141439587 · 9780441013593']);
	await page.getByText('Emma – Jane Austen').waitFor();
	await choice('2').selectOption('publisher');
	await page.getByText('Emma – Jane Austen').waitFor({ state: 'detached' });
	await choice('2').selectOption('author');
	await page.getByText('Emma – Jane Austen').waitFor();
	await page.getByRole('button', { name: 'Import 3 books' }).click();
	await found(page, 3);
	await page.getByText('See how it was read').click();
	assert.deepEqual((await columns(page))[2].slice(1, 3), ['author', 'as you said']);
	assert.deepEqual(page.problems, []);
	await page.context().close();
});
