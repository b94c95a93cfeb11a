// What one does when a job is over: find something in the list, try again, mend, be told.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { barriers, Browser, eventually } from './browser.js';
import { filter, finished, importing, sum } from './library.js';
import { Server, WATCHABLE } from './server.js';

let server, browser;
before(async () => ([server, browser] = await Promise.all([Server.start(), Browser.start()])));
after(() => Promise.all([server?.stop(), browser?.stop()]));

const titles = (page) => page.locator('.books .title').allTextContents();

test('a long list is searched and ordered', async () => {
	const page = await browser.page(server);
	await importing(page);
	await finished(page);
	const inFile = await titles(page);
	const search = page.getByRole('searchbox', { name: 'Search these books' });
	const [first] = inFile;
	await search.fill(first.toUpperCase());
	await eventually('only that', async () => (await titles(page)).every((title) => title.includes(first)));
	await search.fill('no such book');
	await page.getByText('None.').waitFor();
	await search.fill('');
	await eventually('all again', async () => (await page.locator('.book').count()) > 12);
	const order = page.getByRole('combobox', { name: 'Order' });
	await order.selectOption('By title');
	const bare = (title) => title.replace(/^(the|a|an) /i, '');
	const ordered = await titles(page);
	assert.deepEqual(ordered, ordered.toSorted((a, b) => new Intl.Collator('en', { numeric: true }).compare(bare(a), bare(b))));
	assert.notDeepEqual(ordered, inFile);
	await order.selectOption('As in the file');
	await eventually('as before', async () => (await titles(page))[0] === first);
	assert.deepEqual(await barriers(page), []);
	assert.deepEqual(page.problems, []);
	await page.context().close();
});

test('drawn covers have whole family names, and a list is ordered by them and by year', async () => {
	const page = await browser.page(server);
	// As people write them, and what the spine of a drawn cover has.
	const PEOPLE = { 'Kurt Vonnegut Jr.': 'Vonnegut Jr.', 'W. E. B. Du Bois': 'Du Bois', 'Ursula K. Le Guin': 'Le Guin', 'Laurens van der Post': 'van der Post', 'Ann Nobody': 'Nobody', 'Jo III': 'Jo III', 'Plato': 'Plato' };
	const people = Object.keys(PEOPLE);
	const rows = Array.from({ length: 14 }, (_, n) => `Nobody Wrote This Qw${n},"${people[n % people.length]}",${n < people.length ? 1990 + n : ''}\n`);
	await page.locator('#pick').setInputFiles({ name: 'people.csv', mimeType: 'text/csv', buffer: Buffer.from(`Title,Author,Year Published\n${rows.join('')}`) });
	await page.getByRole('heading', { name: /of 14 books found/ }).waitFor();
	const names = () => page.locator('.books .cover small').allTextContents();
	const expected = Object.values(PEOPLE);
	assert.deepEqual(await names(), [...expected, ...expected]);
	const order = page.getByRole('combobox', { name: 'Order' });
	await order.selectOption('By author');
	const sorted = expected.flatMap((name) => [name, name]).toSorted(new Intl.Collator('en', { numeric: true }).compare);
	assert.deepEqual(await names(), sorted);
	await order.selectOption('Newest first');
	assert.deepEqual((await titles(page)).slice(0, 2), ['Nobody Wrote This Qw6', 'Nobody Wrote This Qw5']);
	await filter(page, 'To review').click();
	const shown = await sum(page, 'To review');
	await eventually('only those', async () => (await page.locator('.book').count()) === shown);
	assert.equal(await page.locator('.book .state.found').count(), 0);
	await page.context().close();
});

test('what failed is downloaded, and imported again as it is', async () => {
	const page = await browser.page(server);
	await importing(page);
	await finished(page);
	const downloading = page.waitForEvent('download');
	await page.getByRole('link', { name: 'Download what failed' }).click();
	const file = await (await downloading).path();
	const table = await readFile(file);
	assert.match(table.toString(), /^\ufeff?Import row,Import problem,/);
	const missing = table.toString().trim().split('\n').length - 1;
	assert.ok(missing > 0);
	await page.goto('/');
	await page.locator('#pick').setInputFiles({ name: 'again.csv', mimeType: 'text/csv', buffer: table });
	await page.getByRole('heading', { name: new RegExp(`of ${missing} books found`) }).waitFor();
	await page.context().close();
});

test('books that nobody answered about are tried again, and the list is whole afterwards', async () => {
	// Nobody listens there.
	const nowhere = 'http://127.0.0.1:1';
	const variables = { provider_patience_s: '0', open_library_base_url: nowhere, google_books_base_url: nowhere };
	const down = await Server.start({ variables });
	try {
		const page = await browser.page(down);
		await importing(page);
		const again = page.getByRole('button', { name: /^Try the \d+ again$/ });
		await again.waitFor();
		const books = await sum(page, 'All');
		assert.equal(await again.textContent(), `Try the ${books} again`);
		await down.kill();
		await down.up({});
		await again.click();
		await page.waitForFunction((old) => location.href !== old, page.url());
		await finished(page);
		await eventually('all there', async () => (await sum(page, 'All')) === books);
		assert.ok((await sum(page, 'Found')) > books / 2);
		await page.context().close();
	} finally {
		await down.stop();
	}
});

test('books that nobody knew are tried again by whoever asks for it, and no others', async () => {
	const page = await browser.page(server);
	await importing(page);
	await finished(page);
	const [books, found] = [await sum(page, 'All'), await sum(page, 'Found')];
	const again = page.getByRole('button', { name: /^Try the \d+ not found again$/ });
	assert.equal(await again.textContent(), `Try the ${books - found} not found again`);
	assert.equal(await page.getByRole('button', { name: /^Try the \d+ again$/ }).count(), 0, 'all others are answered');
	const first = page.url();
	await again.focus();
	await page.keyboard.press('Enter');
	await page.waitForFunction((old) => location.href !== old, first);
	await finished(page);
	const id = page.url().split('/').pop();
	const { data } = await (await fetch(`${server.url}/api/v2/imports/${id}`)).json();
	assert.equal(data.retryOf, first.split('/').pop());
	assert.equal(data.totalCount, books - found, 'no more than those are asked for');
	// Nobody knows them now either, and the list is whole.
	await eventually('all there', async () => (await sum(page, 'All')) === books);
	assert.equal(await sum(page, 'Found'), found);
	await again.waitFor();
	// The first list is as it was; the same wish leads to the same job.
	await page.goto(first);
	await finished(page);
	await again.click();
	await page.waitForURL((url) => url.href.endsWith(id));
	assert.deepEqual(page.problems, []);
	await page.context().close();
});

test('what nobody came to before an import was stopped is done by trying it again', async () => {
	const slow = await Server.start({ delay: '400ms', variables: { tuning: 'wave_items=30' } });
	try {
		const page = await browser.page(slow);
		page.on('dialog', (dialog) => dialog.accept());
		await page.getByRole('button', { name: 'Try the sample library' }).click();
		await eventually('some are done', async () => (await page.locator('.book').count()) > 5);
		await page.getByRole('button', { name: 'Cancel' }).click();
		const again = page.getByRole('button', { name: /^Try the [\d,]+ again$/ });
		await again.waitFor();
		// Those that nobody came to are in the list.
		const books = await sum(page, 'All');
		const left = Number((await again.textContent()).replace(/\D/g, ''));
		assert.ok(left > 0 && left < books);
		await filter(page, 'Not found').click();
		await page.locator('.state', { hasText: 'Not looked up' }).first().waitFor();
		await again.click();
		await page.waitForFunction((old) => location.href !== old, page.url());
		await finished(page);
		await eventually('all there', async () => (await sum(page, 'All')) === books);
		await page.context().close();
	} finally {
		await slow.stop();
	}
});

test('the end of a job is told by the system to whoever looks elsewhere, if a click has allowed it', async () => {
	const slow = await Server.start(WATCHABLE);
	try {
		const page = await browser.page(slow, { permissions: [] });
		// Chromium without a screen neither asks nor shows.
		const pretend = () => {
			window.told = [];
			window.asked = 0;
			window.Notification = class {
				static permission = 'default';
				static requestPermission = async () => ((window.asked += 1), (window.Notification.permission = 'granted'));
				constructor(title, { body }) {
					window.told.push([title, body]);
				}
			};
			Object.defineProperty(document, 'hidden', { get: () => window.looksElsewhere === true });
		};
		await page.addInitScript(pretend);
		await page.reload();
		await importing(page);
		const ask = page.getByRole('button', { name: 'Tell me when it is done' });
		await ask.waitFor();
		assert.equal(await page.evaluate(() => window.asked), 0, 'nobody is asked unasked');
		await ask.click();
		await ask.waitFor({ state: 'hidden' });
		await page.evaluate(() => (window.looksElsewhere = true));
		await eventually('told', async () => (await page.evaluate(() => window.told.length)) === 1);
		const [[title, body]] = await page.evaluate(() => window.told);
		assert.equal(title, 'library.csv');
		assert.match(body, /\d+ of \d+ books found/);
		// What was over before is nothing new.
		await page.reload();
		await page.evaluate(() => (window.looksElsewhere = true));
		await finished(page);
		assert.deepEqual(await page.evaluate(() => window.told), []);
		await page.context().close();
	} finally {
		await slow.stop();
	}
});

test('the heading of a new page shows the focus to those who go by keyboard only', async () => {
	const page = await browser.page(server);
	const outline = () => page.locator('h1').evaluate((heading) => document.activeElement === heading && getComputedStyle(heading).outlineStyle);
	await importing(page);
	await eventually('focused', async () => (await outline()) === 'none');
	await page.getByRole('link', { name: '← All jobs' }).focus();
	await page.keyboard.press('Enter');
	await page.waitForURL(/#\/$/);
	await eventually('focused and seen', async () => (await outline()) === 'solid');
	await page.context().close();
});
