import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { barriers, Browser, eventually } from './browser.js';
import { sum } from './library.js';
import { Server } from './server.js';

// Two books that nobody knows: one has another book's number, the other's title is another author's.
const DOUBTFUL = 'Title,Author,ISBN,My Rating\nKnitting for Absolute Beginners,Ann Nobody,9780593099322,4\nDune,Zebulon Nobody,,5\n';
const PHONE = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };

let server, browser;
before(async () => ([server, browser] = await Promise.all([Server.start(), Browser.start()])));
after(() => Promise.all([server?.stop(), browser?.stop()]));

/** The ended import of the two, in a browser of its own. */
async function doubtful(options) {
	const page = await browser.page(server, options);
	await page.locator('#pick').setInputFiles({ name: 'doubtful.csv', mimeType: 'text/csv', buffer: Buffer.from(DOUBTFUL) });
	const started = await eventually('started or asked about', async () => (await page.locator('.percent, .figures').count()) || (await page.getByRole('button', { name: /^Import \d+ books/ }).count()));
	assert.ok(started);
	if (!(await page.locator('.job').count())) await page.getByRole('button', { name: /^Import/ }).click();
	await page.getByRole('heading', { name: /of 2 books found/ }).waitFor();
	await page.locator('.book').nth(0).locator('.state.review').waitFor();
	await page.locator('.book').nth(1).getByRole('button', { name: /^Choose which book/ }).waitFor();
	return page;
}

test('a candidate is chosen by keyboard, and stays chosen', async () => {
	const page = await doubtful();
	const button = page.locator('.book').nth(0).getByRole('button', { name: /^Choose which book/ });
	await button.focus();
	await page.keyboard.press('Enter');
	const dialog = page.getByRole('dialog', { name: 'Which book is it?' });
	await dialog.waitFor();
	assert.deepEqual(await barriers(page), []);
	await page.keyboard.press('Escape');
	await dialog.waitFor({ state: 'detached' });
	assert.ok(await button.evaluate((element) => element === document.activeElement), 'back where one was');
	await page.keyboard.press('Enter');
	const first = dialog.getByRole('button', { name: /^This one: Dune/ }).first();
	await eventually('at the candidate', async () => (await page.keyboard.press('Tab'), first.evaluate((element) => element === document.activeElement)));
	await page.keyboard.press('Enter');
	await dialog.waitFor({ state: 'detached' });
	await eventually('found', async () => (await sum(page, 'Found')) === 1);
	await page.reload();
	await eventually('found after a reload', async () => (await sum(page, 'Found')) === 1);
	assert.match(await page.locator('.book').nth(0).textContent(), /Dune/);
	assert.deepEqual(page.problems, []);
	await page.context().close();
});

test('a choice that is on its way is not lost by Escape, and a failed one is told', async () => {
	const page = await doubtful();
	const choose = (at) => page.locator('.book').nth(at).getByRole('button', { name: /^Choose which book/ }).click();
	const dialog = page.getByRole('dialog', { name: 'Which book is it?' });
	let go;
	const held = new Promise((resolve) => (go = resolve));
	await page.route('**/books/*', async (route) => (await held, route.continue()));
	await choose(0);
	await dialog.getByRole('button', { name: /^This one: Dune/ }).first().click();
	await dialog.and(page.locator('[aria-busy=true]')).waitFor();
	await page.keyboard.press('Escape');
	await eventually('said', async () => /saving/i.test(await page.locator('#live').textContent()));
	// Browsers let nobody hold up the second.
	await page.keyboard.press('Escape');
	go();
	await dialog.waitFor({ state: 'detached' });
	await eventually('found', async () => (await sum(page, 'Found')) === 1);
	await page.unroute('**/books/*');

	await page.route('**/books/*', (route) => route.abort());
	await choose(1);
	await dialog.getByRole('button', { name: 'None of these' }).click();
	await dialog.getByRole('alert').getByText('could not be reached').waitFor();
	await page.keyboard.press('Escape');
	await dialog.waitFor({ state: 'detached' });
	await page.context().close();
});

test('a doubtful match is confirmed, and what is to be reviewed is one number', async () => {
	const page = await browser.page(server);
	const library = 'Title,Author,ISBN\nBabylon,R. F. Kuang,9780063021426\nNobody Wrote This Qwz,Nobody,\n';
	await page.locator('#pick').setInputFiles({ name: 'doubtful.csv', mimeType: 'text/csv', buffer: Buffer.from(library) });
	await page.getByRole('heading', { name: /of 2 books found/ }).waitFor();
	const figure = () => page.locator('.figures div', { hasText: 'To review' }).locator('dd').textContent();
	await eventually('two', async () => (await sum(page, 'To review')) === 2 && (await figure()) === '2');
	await page.locator('.book').nth(0).getByRole('button', { name: /^Choose which book/ }).click();
	const dialog = page.getByRole('dialog', { name: 'Which book is it?' });
	await dialog.getByRole('button', { name: /^This is right: Babel/ }).click();
	await dialog.waitFor({ state: 'detached' });
	await eventually('one', async () => (await sum(page, 'To review')) === 1 && (await figure()) === '1');
	await page.getByRole('button', { name: 'Try the 1 not found again' }).waitFor();
	assert.deepEqual(await barriers(page), []);
	assert.deepEqual(page.problems, []);
	await page.context().close();
});

test('another book is searched for, on a phone; or it is none of them', async () => {
	const page = await doubtful(PHONE);
	const choose = (at) => page.locator('.book').nth(at).getByRole('button', { name: /^Choose which book/ }).click();
	const dialog = page.getByRole('dialog');
	await choose(1);
	const box = await dialog.boundingBox();
	assert.ok(box.x >= 0 && box.x + box.width <= 360, JSON.stringify(box));
	const words = dialog.getByRole('searchbox');
	await words.fill('nobody ever wrote this qwzx');
	await dialog.getByRole('button', { name: 'Search' }).click();
	await dialog.getByText('No catalogue knows such a book.').waitFor();
	await words.fill('Babel Kuang');
	await dialog.getByRole('button', { name: 'Search' }).click();
	await dialog.getByRole('button', { name: /^This one: Babel/ }).first().waitFor();
	assert.deepEqual(await barriers(page), []);
	await dialog.getByRole('button', { name: /^This one: Babel/ }).first().click();
	await dialog.waitFor({ state: 'detached' });
	await eventually('found', async () => (await sum(page, 'Found')) === 1);
	await choose(0);
	await dialog.getByRole('button', { name: 'None of these' }).click();
	await dialog.waitFor({ state: 'detached' });
	await eventually('not found', async () => (await sum(page, 'Not found')) === 1);
	assert.deepEqual(page.problems, []);
	await page.context().close();
});

test('books that the server has lost are named, and somebody may say which they were', async () => {
	const page = await browser.page(server);
	// What a store that has lost a part leaves of a book: as crates/api/src/export/tests.rs says.
	const LOST = { title: '', authors: [], author: '', description: null, categories: [], enrichmentStatus: 'error', nothingToAskBy: true };
	let lost = true;
	await page.route('**/results?*', async (route) => {
		const response = await route.fetch();
		const answer = await response.json();
		if (lost) {
			answer.data.books[0] = LOST;
			answer.metadata.lost = 1;
		}
		await route.fulfill({ response, json: answer });
	});
	await page.locator('#pick').setInputFiles({ name: 'lost.csv', mimeType: 'text/csv', buffer: Buffer.from('Title,Author,ISBN\nNobody Wrote This Qwz,Nobody,\nDune,Frank Herbert,9780441013593\n') });
	await page.getByText('The server has lost 1 of these books, titles and all. Choose what is missing, or send everything again.').waitFor();
	const first = page.locator('.book').nth(0);
	assert.equal(await first.locator('.state').textContent(), 'Lost');
	assert.equal(await page.getByRole('button', { name: /^Try the/ }).count(), 0, 'nobody can be asked about it');
	assert.deepEqual(await barriers(page), []);
	await first.getByRole('button', { name: /^Choose which book/ }).click();
	const dialog = page.getByRole('dialog', { name: 'Which book is it?' });
	assert.equal(await dialog.getByRole('searchbox').inputValue(), '', 'nothing is known to search for');
	await dialog.getByRole('searchbox').fill('Babel Kuang');
	await dialog.getByRole('button', { name: 'Search' }).click();
	lost = false;
	await dialog.getByRole('button', { name: /^This one: Babel/ }).first().click();
	await dialog.waitFor({ state: 'detached' });
	await eventually('found', async () => (await sum(page, 'Found')) === 2);
	assert.equal(await page.getByText('has lost').count(), 0);
	assert.deepEqual(page.problems, []);
	await page.context().close();
});
